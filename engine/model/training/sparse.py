"""Logistic regression of many categories over the same sparse rows: AdaGrad with an L1 penalty, in PyTorch.

Weights that do not help end at exactly nothing. Batches are fixed, so a seed gives the same weights again.
"""

import warnings

import numpy
import torch

warnings.filterwarnings("ignore", message=".*[Ss]parse.*")


class Rows:
    """Rows of feature numbers, packed."""

    def __init__(self, rows: list[numpy.ndarray], keep: numpy.ndarray):
        """`keep` says for each feature its number among those used, -1 where it is not used."""
        lengths = numpy.array([len(r) for r in rows])
        flat = keep[numpy.concatenate(rows)]
        used = flat >= 0
        ends = numpy.concatenate([[0], numpy.cumsum(lengths)])
        self.starts = numpy.concatenate([[0], numpy.cumsum(used)])[ends]
        self.flat = flat[used]
        self.count = len(rows)
        self.features = int(keep.max()) + 1

    def take(self, rows: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
        starts, lengths = self.starts[rows], self.starts[rows + 1] - self.starts[rows]
        ends = numpy.concatenate([[0], numpy.cumsum(lengths)])
        within = numpy.arange(ends[-1]) - numpy.repeat(ends[:-1], lengths)
        return ends, self.flat[numpy.repeat(starts, lengths) + within]


def packed(starts: numpy.ndarray, columns: numpy.ndarray, shape: tuple[int, int]) -> torch.Tensor:
    values = torch.ones(len(columns))
    return torch.sparse_csr_tensor(torch.from_numpy(starts), torch.from_numpy(columns.astype(numpy.int64)), values, size=shape)


class Batch:
    def __init__(self, rows: Rows, chosen: numpy.ndarray, truth: numpy.ndarray, weight: numpy.ndarray):
        starts, flat = rows.take(chosen)
        used, local = numpy.unique(flat, return_inverse=True)
        order = numpy.argsort(local, kind="stable")
        row = numpy.repeat(numpy.arange(len(chosen)), numpy.diff(starts))[order]
        across = numpy.concatenate([[0], numpy.cumsum(numpy.bincount(local, minlength=len(used)))])
        self.x = packed(starts, local, (len(chosen), len(used)))
        self.back = packed(across, row, (len(used), len(chosen)))
        self.used = torch.from_numpy(used.astype(numpy.int64))
        self.truth = torch.from_numpy(truth[chosen])
        self.weight = torch.from_numpy(weight[chosen].astype(numpy.float32))[:, None]


def fit(rows: Rows, chosen, truth, weight, options, seed: int = 0) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Weights and biases of every column of `truth`, from the rows `chosen`."""
    random = numpy.random.default_rng(seed)
    order = random.permutation(chosen)
    batches = [Batch(rows, order[i : i + options.batch], truth, weight) for i in range(0, len(order), options.batch)]
    categories = truth.shape[1]
    weights = torch.zeros(rows.features, categories)
    squares = torch.full((rows.features, categories), 1e-4)
    last = torch.zeros(rows.features)
    share = (truth[chosen] * weight[chosen][:, None]).sum(0) / weight[chosen].sum()
    share = numpy.clip(share, 1e-6, 1 - 1e-6)
    bias = torch.from_numpy(numpy.log(share / (1 - share)).astype(numpy.float32))
    bias_squares = torch.full((categories,), 1e-4)

    def shrunk(w, eta, gap):
        return torch.sign(w) * torch.clamp(w.abs() - eta * options.l1 * gap[:, None], min=0)

    step = 0
    for _ in range(options.epochs):
        for b in random.permutation(len(batches)):
            batch, step = batches[b], step + 1
            own = weights[batch.used]
            wrong = (torch.sigmoid(batch.x @ own + bias) - batch.truth) * batch.weight
            gradient = batch.back @ wrong
            sums = squares[batch.used] + gradient * gradient
            squares[batch.used] = sums
            eta = options.rate / sums.sqrt()
            # The penalty of the steps in which a feature did not occur is made up for here.
            weights[batch.used] = shrunk(own - eta * gradient, eta, step - last[batch.used])
            last[batch.used] = step
            slope = wrong.sum(0)
            bias_squares += slope * slope
            bias -= options.rate * slope / bias_squares.sqrt()
    weights = shrunk(weights, options.rate / squares.sqrt(), step - last)
    return weights.numpy(), bias.numpy()


def log_odds(rows: Rows, chosen, weights, bias) -> numpy.ndarray:
    weights, bias = torch.from_numpy(weights), torch.from_numpy(bias)
    found = []
    for i in range(0, len(chosen), 5000):
        part = chosen[i : i + 5000]
        starts, flat = rows.take(part)
        found.append((packed(starts, flat, (len(part), rows.features)) @ weights + bias).numpy())
    return numpy.concatenate(found) if found else numpy.zeros((0, len(bias)), numpy.float32)
