#!/usr/bin/python3
"""Writes the reference values of tests/lab/statistics_test.cpp (scipy 1.10.1, numpy 1.24.2).

    /usr/bin/python3 tests/lab/statistics_reference.py > tests/lab/statistics_reference.inc

Nothing here follows our own code: scipy's tests where it has them, else the textbook formula.
"""
import math

import numpy as np
from scipy import optimize, special, stats

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

# The efficiency of the 30 runs of each runtime of TR115's second study, to two decimals.
TR115 = {
    "tokio-default": """
        99.54 98.53 99.88 95.35 98.17 99.77 99.53 98.91 99.44 97.16 94.80 98.24 99.20 98.69
        98.94 97.91 98.18 98.63 99.21 99.85 99.29 99.40 99.30 99.85 98.33 99.89 99.11 99.60
        98.82 97.94""",
    "tokio-localset": """
        97.34 98.11 97.81 97.96 98.43 97.42 99.40 98.58 99.99 99.40 81.03 99.82 99.87 97.42
        99.71 99.95 98.32 99.71 99.60 99.42 86.43 97.41 99.67 99.63 99.72 98.52 99.57 99.98
        99.59 98.69""",
    "smol-1kb": """
        96.00 99.94 97.33 97.33 98.01 99.36 95.43 98.58 99.83 98.78 94.98 98.62 99.74 99.31
        98.21 99.77 99.90 99.92 97.54 99.80 99.44 98.71 99.34 98.37 99.27 98.63 99.88 98.52
        99.00 98.86""",
    "smol": """
        99.87 97.47 97.91 99.35 98.01 99.69 99.59 99.05 99.28 98.77 93.37 99.61 97.40 99.11
        99.53 98.65 97.35 99.57 99.68 98.81 98.38 99.44 98.84 99.79 72.80 98.12 98.04 98.94
        97.53 97.70""",
}
TR115 = {name: [float(x) for x in text.split()] for name, text in TR115.items()}


def number(x):
    if x is None or math.isnan(x):
        return "kUnknown"
    if math.isinf(x):
        return "kInfinity" if x > 0 else "-kInfinity"
    return repr(float(x))


def braced(items):
    return "{" + ", ".join(items) + "}"


def numbers(values):
    return braced(number(v) for v in values)


def wrapped(text):
    """Lines of at most 100 columns, broken after commas."""
    lines, line = [], ""
    for part in text.split(", "):
        if line and len(line) + len(part) + 2 > 99:
            lines.append(line + ",")
            line = "    " + part
        else:
            line = f"{line}, {part}" if line else part
    return "\n".join(lines + [line + ","])


def table(kind, name, rows):
    print(f"const {kind} {name}[] = {{")
    for row in rows:
        print(wrapped(row))
    print("};\n")


def samples():
    """The named samples that all tables draw from."""
    rng = np.random.default_rng(115)
    take = {
        "five": rng.normal(98, 1.2, 5),
        "six": rng.normal(97, 3, 6),
        "eight": rng.normal(98.5, 2, 8),
        "nine": rng.normal(97.5, 1, 9),
        "twenty": rng.normal(98, 1, 20),
        "forty": rng.normal(97.2, 4, 40),
        "skewed": rng.lognormal(4, 0.9, 25),
        "ties": rng.integers(0, 7, 24).astype(float),
        "more ties": rng.integers(1, 9, 7).astype(float),
        "far": rng.normal(160, 1, 30),
        "offset": 1e9 + rng.normal(0, 1, 12),
        "negative": rng.normal(-5, 0.5, 15),
    }
    rounded = {name: [round(float(v), 3) for v in values] for name, values in take.items()}
    return {**rounded, "two": [3.5, 4.25], "three": [1.0, 2.0, 4.0], **TR115}


def t_quantile(p, df):
    """scipy's is good to 3e-9 only; two steps of Newton's on its far better cdf."""
    t = stats.t.ppf(p, df)
    for _ in range(2):
        t -= (stats.t.cdf(t, df) - p) / stats.t.pdf(t, df)
    return t


def one_row(name, values):
    x = np.array(values)
    sd = x.std(ddof=1)
    ordered = sorted(values)
    index = [ordered[int(len(values) * q)] for q in QUANTILES]
    half = t_quantile(0.975, len(x) - 1) * sd / math.sqrt(len(x))
    return braced([
        f'"{name}"', numbers(values), number(math.fsum(values) / len(x)), number(sd),
        number(100 * sd / x.mean()), number(x.min()), number(x.max()),
        numbers(np.quantile(x, QUANTILES)), numbers(index),
        numbers([x.mean() - half, x.mean() + half])])


def two_row(a, b, all_samples):
    x, y = np.array(all_samples[a]), np.array(all_samples[b])
    welch = stats.ttest_ind(x, y, equal_var=False)
    vx, vy = x.var(ddof=1) / len(x), y.var(ddof=1) / len(y)
    df = (vx + vy) ** 2 / (vx ** 2 / (len(x) - 1) + vy ** 2 / (len(y) - 1))
    u = stats.mannwhitneyu(x, y, alternative="two-sided", method="auto")
    n = len(x) + len(y) - 2
    pooled = math.sqrt(((len(x) - 1) * x.var(ddof=1) + (len(y) - 1) * y.var(ddof=1)) / n)
    d = (x.mean() - y.mean()) / pooled
    unbiased = math.exp(special.gammaln(n / 2) - special.gammaln((n - 1) / 2)) / math.sqrt(n / 2)
    delta = np.sign(x[:, None] - y[None, :]).mean()
    return braced([
        f'"{a} - {b}"', f'"{a}"', f'"{b}"', numbers([welch.statistic, df, welch.pvalue]),
        numbers([u.statistic, u.pvalue]), numbers([pooled, d, d * unbiased, delta])])


def groups_row(names, all_samples):
    values = [all_samples[n] for n in names]
    h = stats.kruskal(*values)
    f = stats.levene(*values, center="median")
    k, n = len(values), sum(map(len, values))
    return braced([
        f'"{names[0]} ..."', braced(f'"{n}"' for n in names),
        numbers([h.statistic, k - 1, h.pvalue]), numbers([f.statistic, k - 1, n - k, f.pvalue])])


def holm_row(p):
    """The definition: the i-th smallest of m times m - i + 1, never less than the one before."""
    adjusted, least = [0.0] * len(p), 0.0
    for step, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        least = max(least, min(1.0, p[i] * (len(p) - step)))
        adjusted[i] = least
    return braced([numbers(p), numbers(adjusted)])


def power_row(n1, n2, sd):
    df = n1 + n2 - 2
    limit = t_quantile(0.975, df)

    def power(shift):
        return stats.nct.sf(limit, df, shift) + stats.nct.cdf(-limit, df, shift)

    shift = optimize.brentq(lambda s: power(s) - 0.8, 0.1, 30, xtol=1e-13, rtol=1e-13)
    return braced([str(n1), str(n2), number(sd), number(shift * math.sqrt(1 / n1 + 1 / n2) * sd)])


def bootstrap_row(name, values):
    def sd(x, axis=-1):
        return np.std(x, ddof=1, axis=axis)

    def cv(x, axis=-1):
        return 100 * np.std(x, ddof=1, axis=axis) / np.mean(x, axis=axis)

    ends = []
    for statistic in (sd, cv):
        found = stats.bootstrap((np.array(values),), statistic, n_resamples=100000, batch=1000,
                                method="BCa", random_state=np.random.default_rng(1987))
        ends += [found.confidence_interval.low, found.confidence_interval.high]
    return braced([f'"{name}"', *map(number, ends)])


def point_rows():
    rows = []

    def add(which, a, b, x, value):
        if abs(value) > 1e-290:
            rows.append(braced([which, number(a), number(b), number(x), number(value)]))

    for a in (0.5, 1, 2.5, 14.5, 58, 1000, 5000):
        add("kLogGamma", 0, 0, a, special.gammaln(a))
        for b in (0.5, 1.5, 3, 29, 700):
            middle = a / (a + b)
            for x in (1e-9, 0.01, 0.3, middle, 0.97, 1 - 1e-9):
                add("kBeta", a, b, x, special.betainc(a, b, x))
    for a in (0.5, 1, 1.5, 2.5, 10, 24.5, 400):
        for x in (1e-8, 0.2, 0.9 * a, a + 0.9, a + 1.1, 2 * a + 3, 6 * a + 30):
            add("kGamma", a, 0, x, special.gammaincc(a, x))
    for z in (-37, -8, -1.96, -0.3, -1e-9, 0.7, 2.5758, 6):
        add("kNormal", 0, 0, z, stats.norm.cdf(z))
    for p in (1e-12, 0.025, 0.3, 0.8, 0.975, 0.9999):
        add("kNormalQuantile", 0, 0, p, stats.norm.ppf(p))
        for df in (1, 2, 4, 5.37, 29, 118, 10000):
            if p > 1e-6:
                add("kTQuantile", df, 0, p, t_quantile(p, df))
    for df in (1, 3, 58, 400):
        for shift in (0, 0.5, 2.8, 6):
            limit = t_quantile(0.975, df)
            value = stats.nct.sf(limit, df, shift) + stats.nct.cdf(-limit, df, shift)
            add("kPower", df, 0, shift, 0.05 if shift == 0 else value)
    return rows


def main():
    s = samples()
    print("// Written by tests/lab/statistics_reference.py. Do not edit.\n")
    table("OneCase", "kOne", [one_row(name, values) for name, values in s.items()])
    names = list(TR115)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1:]]
    pairs += [("five", "six"), ("five", "far"), ("eight", "forty"), ("nine", "twenty"),
              ("six", "nine"), ("twenty", "forty"), ("ties", "more ties"),
              ("more ties", "five"), ("nine", "forty"), ("far", "twenty"),
              ("offset", "far"), ("two", "three"), ("three", "six"), ("skewed", "negative"),
              ("smol", "eight")]
    table("TwoCase", "kTwo", [two_row(a, b, s) for a, b in pairs])
    table("GroupsCase", "kGroups", [groups_row(g, s) for g in [
        names, names[:2], ["five", "six", "eight"], ["ties", "more ties", "three", "two"],
        ["twenty", "forty", "far"], ["skewed", "negative", "nine"], ["two", "three"],
        ["far", "twenty"]]])
    table("HolmCase", "kHolm", [holm_row(p) for p in [
        [0.01, 0.04, 0.03, 0.005], [0.325, 0.756, 0.34, 0.575, 0.762, 0.519], [0.02],
        [0.05, 0.05, 0.001, 0.05], [1.0, 0.9, 0.0], [1e-12, 1e-11, 0.2, 0.2, 0.049, 0.3, 0.012]]])
    table("PowerCase", "kPower80", [power_row(*c) for c in [
        (1, 2, 1.0), (2, 2, 1.0), (3, 3, 0.5), (5, 5, 1.2), (30, 30, 3.5), (5, 30, 1.0),
        (100, 120, 0.01), (1000, 1000, 1.0)]])
    table("BootstrapCase", "kBootstrap", [bootstrap_row(n, s[n]) for n in [
        "eight", "twenty", "forty", "skewed", "negative", "tokio-default", "smol"]])
    table("PointCase", "kPoints", point_rows())


if __name__ == "__main__":
    main()
