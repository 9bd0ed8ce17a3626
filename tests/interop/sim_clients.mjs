// The npm side of sim_clients.py: reads its cases from stdin, asks through the packages, writes one
// [name, answer] a line.
import { readFileSync } from 'node:fs';
import { Ollama } from 'ollama';
import OpenAI from 'openai';

const url = process.argv[2];
const openai = new OpenAI({ baseURL: url + '/v1', apiKey: 'none', maxRetries: 0 });
const ollama = new Ollama({ host: url });

function foldOpenai(answer, document) {
  for (const choice of document.choices) {
    const part = choice.message ?? choice.delta ?? choice;
    answer.text += part.content ?? part.text ?? '';
    answer.thinking += part.reasoning_content ?? '';
    (part.tool_calls ?? []).forEach((call, i) => {
      if (call.function.name) answer.calls.push([call.function.name, '']);
      answer.calls[call.index ?? i][1] += call.function.arguments;
    });
    answer.finish = choice.finish_reason ?? answer.finish;
  }
  if (document.usage) answer.tokens = document.usage.completion_tokens;
}

function foldOllama(answer, document) {
  const part = document.message ?? document;
  answer.text += part.content ?? part.response ?? '';
  answer.thinking += part.thinking ?? '';
  for (const call of part.tool_calls ?? []) {
    answer.calls.push([call.function.name, call.function.arguments]);
  }
  if (document.done) {
    answer.finish = document.done_reason;
    answer.tokens = document.eval_count;
  }
}

async function ask({ package: pack, call, body }) {
  if (call === 'models' && pack === 'openai') {
    return (await openai.models.list()).data.map((m) => m.id).sort();
  }
  if (call === 'models') return (await ollama.list()).models.map((m) => m.model).sort();
  if (call === 'running') return (await ollama.ps()).models.map((m) => m.model).sort();
  const answer = { text: '', thinking: '', calls: [], finish: null, tokens: null };
  const create = {
    'openai chat': () => openai.chat.completions.create(body),
    'openai completion': () => openai.completions.create(body),
    'ollama chat': () => ollama.chat(body),
    'ollama generate': () => ollama.generate(body),
  }[pack + ' ' + call];
  const fold = pack === 'openai' ? foldOpenai : foldOllama;
  const made = await create();
  if (body.stream) {
    for await (const document of made) fold(answer, document);
  } else {
    fold(answer, made);
  }
  for (const c of answer.calls) if (typeof c[1] === 'string') c[1] = JSON.parse(c[1]);
  return answer;
}

for (const each of JSON.parse(readFileSync(0, 'utf8'))) {
  let answer;
  try {
    answer = await ask(each);
  } catch (e) {
    answer = { error: e.status ?? e.status_code ?? String(e) };
  }
  console.log(JSON.stringify([each.name, answer]));
}
