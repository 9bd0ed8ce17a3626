#!/usr/bin/python3
"""Writes the reference values of tests/lab/analysis_test.cpp (scipy 1.10.1, numpy 1.24.2).

    /usr/bin/python3 tests/lab/analysis_reference.py > tests/lab/analysis_reference.inc

The four working runtimes of TR115's second study, 30 runs each in 6 configurations of 5.
"""
import math

import numpy as np
from scipy import stats

from statistics_reference import QUANTILES, TR115, braced, holm_row, number, numbers, table, t_quantile, two_row


def group_row(runtime, config, values):
    x = np.array(values)
    sd = x.std(ddof=1)
    ordered = sorted(values)
    half = t_quantile(0.975, len(x) - 1) * sd / math.sqrt(len(x))
    return braced([
        f'"{runtime}"', f'"{config}"', str(len(x)), number(math.fsum(values) / len(x)), number(sd),
        number(100 * sd / x.mean()), number(x.min()), number(x.max()), numbers(np.quantile(x, QUANTILES)),
        numbers([ordered[int(len(x) * q)] for q in QUANTILES]),
        numbers([x.mean() - half, x.mean() + half])])


def pairs():
    names = sorted(TR115)
    return [(a, b) for i, a in enumerate(names) for b in names[i + 1:]]


def adjusted(p):
    """Holm's p values, in the order given."""
    inner = holm_row(p).split("}, {")[1].rstrip("}")
    return [float(x) for x in inner.split(", ")]


def pair_rows():
    families = []
    for test in (lambda a, b: stats.ttest_ind(a, b, equal_var=False).pvalue,
                 lambda a, b: stats.mannwhitneyu(a, b, alternative="two-sided").pvalue,
                 lambda a, b: stats.levene(a, b, center="median").pvalue):
        p = [float(test(TR115[a], TR115[b])) for a, b in pairs()]
        families.append((p, adjusted(p)))
    for i, (a, b) in enumerate(pairs()):
        x, y = np.array(TR115[a]), np.array(TR115[b])
        vx, vy = x.var(ddof=1) / len(x), y.var(ddof=1) / len(y)
        df = (vx + vy) ** 2 / (vx ** 2 / (len(x) - 1) + vy ** 2 / (len(y) - 1))
        half = t_quantile(0.975, df) * math.sqrt(vx + vy)
        middle = x.mean() - y.mean()
        yield braced([f'"{a}"', f'"{b}"', numbers(p[i] for p, _ in families), numbers(h[i] for _, h in families),
                      number(middle), numbers([middle - half, middle + half])])


def main():
    print("// Written by tests/lab/analysis_reference.py.\n")
    table("StudyRow", "kStudy", [braced([f'"{name}"', numbers(v)]) for name, v in sorted(TR115.items())])
    rows = [group_row(runtime, "", values) for runtime, values in sorted(TR115.items())]
    rows += [group_row(runtime, f"c{i}", values[5 * i:5 * i + 5])
             for runtime, values in sorted(TR115.items()) for i in range(6)]
    table("GroupRow", "kGroups", rows)
    table("PairRow", "kPairs", list(pair_rows()))
    every = [TR115[name] for name in sorted(TR115)]
    h, f = stats.kruskal(*every), stats.levene(*every, center="median")
    table("double", "kOverall", [number(h.statistic), number(h.pvalue), number(f.statistic), number(f.pvalue)])


main()
