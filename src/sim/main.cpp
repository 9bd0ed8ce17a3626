#include "chimera/rt/runtime.hpp"
#include "chimera/sim/server.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/sys/process.hpp"

namespace chimera::sim {
namespace {

constexpr uint32_t kReadSize = 16 * 1024;  // prompts come in few reads

void stop(void* runtime) {
  static_cast<rt::Runtime*>(runtime)->stop();
}

}  // namespace

Result<void> sim_main(const Settings& settings) {
  rt::Runtime runtime;
  rt::RuntimeConfig config;
  config.kind = rt::Kind::local;
  config.read_size = kReadSize;
  CHI_TRY_VOID(runtime.open(config));
  sys::catch_stop_signals(stop, &runtime);
  Server server;
  CHI_TRY_VOID(server.open(settings));
  CHI_TRY(const sys::Address at, server.address());
  CHI_TRY_VOID(
      sys::write_stream(sys::Stream::out, "listening on http://" + sys::to_text(at) + "\n"));
  runtime.run(server.run());
  return {};
}

}  // namespace chimera::sim
