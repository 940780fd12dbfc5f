"""The model card. What it says of training (stages, text, parity, machine) is recorded once, at export, as
`training.json` and `losses.svg` beside the weights; the measures are evaluation's. So the card can be made anew from a
model's folder alone.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import common
import m1
import plot

LICENCES = {
    "cuad": "CUAD contracts, The Atticus Project: CC BY 4.0",
    "lexpredict": "EDGAR agreements, LexPredict ContraxSuite samples: CC BY-SA 4.0",
    "sec": "10-K and other filings with the SEC: public filings",
    "qmsum": "QMSum meetings: MIT (AMI and ICSI parts CC BY 4.0)",
    "europarl": "European Parliament sittings, ufal/europarlmin: reuse with the source named; no licence file found",
    "ethereum": "Ethereum core calls, ethereum/pm: CC BY-SA 3.0",
    "dc-law": "D.C. Code and acts, DCCouncil/law-xml: government edicts; no licence file found",
    "pep-rfc": "Python PEPs (public domain, CC0) and Rust RFCs (MIT or Apache-2.0)",
}


def records(path: Path) -> list[dict]:
    """The lines of a stage's log; none if it never ran."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def hours(found: list[dict]) -> float:
    """Wall time of a log's runs. Lines hold the time of day alone; a gap of an hour or more is a pause, not work."""
    times = [60 * (60 * int(r["time"][:2]) + int(r["time"][3:5])) + int(r["time"][6:]) for r in found]
    gaps = [(after - before) % 86400 for before, after in zip(times, times[1:], strict=False)]
    return sum(gap for gap in gaps if gap < 3600) / 3600


def table(heads: list[str], rows: list[list[object]]) -> str:
    """A Markdown table; numbers stand to the right."""
    ruler = ["---" if at == 0 else "---:" for at in range(len(heads))]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [heads, ruler, *rows]) + "\n"


def losses(measures: dict) -> str:
    """Held-out loss, teacher beside student."""
    rows = []
    for name in (name for name in measures if name.startswith("loss/") and name.endswith("/student")):
        _, context, domain, _ = name.split("/")
        teacher, student = measures[f"loss/{context}/{domain}/teacher"], measures[name]
        rows.append([domain, context, f"{teacher:.3f}", f"{student:.3f}", f"{student - teacher:+.3f}"])
    return table(["domain", "context", "teacher", "student", "difference"], rows)


def recalls(measures: dict) -> str:
    """Share of answer tokens recalled (whole answers in brackets), by depth."""
    groups: dict[tuple[str, str], dict[str, dict]] = {}
    for name in (name for name in measures if name.startswith("recall/")):
        _, context, kind, depth = name.split("/")
        groups.setdefault((context, kind), {})[depth] = measures[name]
    depths = list(dict.fromkeys(depth for group in groups.values() for depth in group))
    rows = []
    for (context, kind), group in groups.items():
        for model in ("teacher", "student"):
            shares = [group[depth][model] if depth in group else None for depth in depths]
            cells = [f"{share['tokens']:.2f} ({share['answers']:.2f})" if share else "-" for share in shares]
            rows.append([f"{kind}, {model}", context, *cells])
    heads = ["asked for, by", "context", *(f"at {depth}" for depth in depths)]
    return table(heads, rows) + "".join(kept(*group, depths) for group, depths in groups.items())


def kept(context: str, kind: str, depths: dict[str, dict]) -> str:
    """The student's recall over all depths as a share of the teacher's; nothing where the teacher recalls nothing."""
    teacher, student = (sum(measure[model]["tokens"] for measure in depths.values()) for model in ("teacher", "student"))
    return f"\nAt {context} tokens, {kind}: {student / teacher:.0%} of the teacher's answer tokens.\n" if teacher else ""


def speeds(measures: dict) -> str:
    """Prefill and state through the engine. Where only one model has read a length the other's cell is a dash."""
    read = {tuple(name.split("/")[1:]): value for name, value in measures.items() if name.startswith("speed/")}
    rows = []
    for tokens in sorted({int(tokens) for _, tokens in read}):
        both = [read.get((name, str(tokens))) for name in ("teacher", "student")]
        seconds = [f"{one['prefill_s']:.1f}" if one else "-" for one in both]
        states = [f"{one['state_bytes'] / 1e6:.1f}" if one else "-" for one in both]
        ratio = f"{both[0]['prefill_s'] / both[1]['prefill_s']:.2f}" if all(both) and both[1]["prefill_s"] else "-"
        rows.append([tokens, *seconds, ratio, *states])
    heads = ["tokens", "teacher, s", "student, s", "times faster", "teacher's state, MB", "student's state, MB"]
    return table(heads, rows) + extrapolated(read)


def extrapolated(read: dict) -> str:
    """The teacher's time for the student's longest document, from the two longest it has read: a n + b n^2."""
    longest = max((int(tokens) for name, tokens in read if name == "student"), default=0)
    known = sorted(int(tokens) for name, tokens in read if name == "teacher")
    if len(known) < 2 or longest <= known[-1]:
        return ""
    (n, s), (m, t) = ((k, read["teacher", str(k)]["prefill_s"]) for k in known[-2:])
    square = (t / m - s / n) / (m - n)
    seconds = longest * (s / n - square * n) + square * longest**2
    ratio = seconds / read["student", str(longest)]["prefill_s"]
    return (
        f"\nThe teacher has not read {longest:,} tokens; continuing its last two times as a n + b n^2 gives "
        f"{seconds:.0f} s, {ratio:.1f} times the student's.\n"
    )


def curves(work: Path) -> str:
    """The plot: stage 1 by the loss with all twins swapped in, stage 3 by its losses."""
    first, third = records(work / "stage1.jsonl"), records(work / "stage3.jsonl")
    swapped = [r for r in first if "tokens" in r and "held_out_loss" in r]
    steps, seen = [r for r in third if "language" in r], [r for r in third if "tokens" in r and "held_out_loss" in r]
    started = [(0, r["held_out_loss"]) for r in third if r.get("event") == "start" and r["step"] == 0][-1:]
    teachers = [r["teacher_loss"] for r in third if "teacher_loss" in r][-1:]
    end = steps[-1]["tokens"] if steps else 0
    return plot.svg({
        "Stage 1: held-out loss, all twins swapped in": {
            "student": [(r["tokens"], r["held_out_loss"]) for r in swapped],
            "teacher": [(r["tokens"], r["teacher_loss"]) for r in swapped],
        },
        "Stage 3: loss": {
            "text, training": plot.smooth([(r["tokens"], r["language"]) for r in steps], 20),
            "KL to the teacher": plot.smooth([(r["tokens"], r["kl"]) for r in steps if "kl" in r], 20),
            "held out": started + [(r["tokens"], r["held_out_loss"]) for r in seen],
            "teacher, held out": [(at, loss) for loss in teachers for at in (0, end)],
        },
    })


def processor() -> str:
    """The machine, in words."""
    info = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return f"{os.cpu_count()} processor cores ({names[0] if names else 'unknown'})"


def stages(work: Path) -> list[dict]:
    """Tokens, hours and held-out losses of the stages, from their logs."""
    rows = []
    before = [(path, "3, before layers were given back") for path in sorted(work.glob("stage3-before-*.jsonl"))]
    logs = [(work / "stage1.jsonl", "1, attention transfer"), *before, (work / "stage3.jsonl", "3, distillation")]
    for path, what in logs:
        found = records(path)
        if found:
            losses = [r["held_out_loss"] for r in found if "held_out_loss" in r]
            rows.append({
                "stage": what, "tokens": max((r.get("tokens", 0) for r in found), default=0),
                "hours": round(hours(found), 1), "held_out_loss": [round(losses[0], 3), round(losses[-1], 3)],
            })
    return rows


def documents(work: Path) -> dict[str, int]:
    """Training documents of each source."""
    sources: dict[str, int] = {}
    for name, domain in json.loads((work / "data" / "report.json").read_text())["domains"].items():
        if name.endswith(".train") and not name.startswith("chat."):
            for source, count in domain["sources"].items():
                sources[source] = sources.get(source, 0) + count
    return dict(sorted(sources.items()))


def record(config: dict, exported: dict, folder: Path) -> None:
    """Writes `training.json` and `losses.svg` beside the weights: what their logs say, before the logs are lost."""
    work = config["paths"]["work"]
    of_export = ("parameters", "bytes", "quantise", "parity", "held_out_loss", "held_out_loss_quantised")
    common.write_json(folder / "training.json", {
        "machine": processor(), "on_grid": config["export"]["on_grid"], "length": config["export"]["length"],
        **{key: exported[key] for key in of_export}, "stages": stages(work), "documents": documents(work),
    })
    (folder / "losses.svg").write_text(curves(work), encoding="utf-8")


def recorded(folder: Path) -> dict:
    """What `record` wrote beside a model's weights."""
    return json.loads((folder / "training.json").read_text())


def training(trained: dict) -> str:
    """Tokens, time and losses of the stages."""
    rows = []
    for stage in trained["stages"]:
        before, after = stage["held_out_loss"]
        rows.append([stage["stage"], f"{stage['tokens']:,}", f"{stage['hours']:.1f}", f"{before:.3f}", f"{after:.3f}"])
    return table(["stage", "tokens", "hours", "held-out loss before", "after"], rows)


def sources(trained: dict) -> str:
    """Sources with licences and the number of training documents."""
    rows = [[LICENCES.get(source, source), count] for source, count in trained["documents"].items()]
    return table(["source and licence", "documents"], rows)


def measures_of(folder: Path) -> dict:
    """What evaluation has measured of a model so far."""
    path = folder / "evaluation.json"
    return json.loads(path.read_text())["measures"] if path.exists() else {}


def cell(value: float | None) -> str:
    """A share, or a dash where nothing was asked."""
    return "-" if value is None else f"{value:.2f}"


def decisions(tuned: dict) -> str:
    """Held-out loss of each task and right first decisions, without and with the adapter."""
    before, after, rows = tuned["before"], tuned["after"], []
    for task, loss in before["losses"].items():
        of = [figures["right_decisions"].get(task, {}) for figures in (before, after)]
        shares = [cell(figures.get(side)) for side in ("quote", "none") for figures in of]
        rows.append([task, f"{loss:.3f}", f"{after['losses'][task]:.3f}", *shares, cell(of[1].get("always_none"))])
    whole = [f"{figures['held_out_loss']:.3f}" for figures in (before, after)]
    heads = ["task", "loss before", "after", "passage found right before", "after", "absent right before", "after"]
    return table([*heads, "absent, of all"], [*rows, ["all answers", *whole, *["-"] * 5]])


def as_used(tuned: dict) -> str:
    """What `lectern eval` measured through the program, without and with the adapter."""
    made = []
    for report in tuned["measured"]:
        rows = [[name, f"{before:.3f}", f"{after:.3f}"] for name, (before, after) in report["measures"].items()]
        about = f"{report['name']} ({report['count']} answers on {report['documents']} documents)"
        made.append(f"{about}:\n\n{table(['measure', 'before', 'after'], rows)}\n")
    return "".join(made)


def deciding(about: dict) -> str:
    """How it is decided whether a passage is given; nothing where the model alone decides."""
    if not (weights := about.get("decision")):
        return ""
    fitted = about["decision_fitted"]
    right = {**fitted["right"], "as it was": fitted["right_as_it_was"]}
    rows = [[name, f"{right[name]:.3f}"] for name in ("as it was", "model", "rules", "both")]
    return f"""Whether a passage is given or "none" is said is decided with rules and search (`decide.py`): the log-odds of "none" are
{weights["lean"]:g} times the model's, plus {weights["evidence"]:g} times theirs, {weights["bias"]:+g}, fitted on \
{fitted["questions"]} questions to {fitted["documents"]} whole contracts
of the training split. Right decisions there, on contracts not fitted on (the mean of where a passage is right and where none is):

{table(["decided by", "right"], rows)}
"""


def tuning(folder: Path) -> str:
    """How the model's own adapter was made and what it changed; nothing where there is none."""
    path = folder / "adapter" / "tuning.json"
    if not path.exists():
        return ""
    tuned, about = json.loads(path.read_text()), json.loads((path.parent / "adapter.json").read_text())
    shares = ", ".join(f"{task} {share:g}" for task, share in tuned["weights"].items() if share)
    went_on = " It went on from the adapter of an earlier run, which is not counted here." if tuned["went_on"] else ""
    return f"""## Tuning

The model comes with an adapter on its attention (`adapter/`, rank {about["rank"]}, {about["bytes"] / 1e6:.1f} MB, \
{about["licence"]}), which the program always uses with it.
All measures above are of the model without it. It was trained for {tuned["hours"]:.1f} hours on {tuned["machine"]}: \
{about["steps"]} steps, {about["tokens"]:,} tokens,
examples of at most {tuned["length"]} tokens, drawn by task ({shares}).{went_on}

On held-out documents, {tuned["held_out_examples"]} examples a task at most. A decision is the token at which a passage \
and "none" part; whoever always gives
a passage is right in 1.00 and 0.00, whoever always says "none" in 0.00 and 1.00.

{decisions(tuned)}
{deciding(about)}{as_used(tuned)}Documents that the examples were made of:

{sources(tuned)}
"""


def text(folder: Path, wanted: dict, measures: dict) -> str:
    """The card of the model in a folder; `wanted` is the configuration of the evaluation."""
    student, trained = m1.Config.read(folder / "config.json"), recorded(folder)
    name = json.loads((folder / "lectern.json").read_text())["name"]
    kinds = "".join("S" if kind == m1.SOFTMAX else "L" for kind in student.attn_type_list)
    trained_rounded = " (it was trained with rounded weights)" if trained["on_grid"] else ""
    return f"""# {name}

A small English language model for long documents in the MiniMax-M1 layout, converted from
HuggingFaceTB/SmolLM2-135M-Instruct (Apache-2.0, see LICENSE) and trained by `engine/model/training` on
{trained["machine"]},
without a GPU. "Teacher" below is SmolLM2-135M-Instruct, "student" this model.

- Layers, S softmax and L lightning attention: `{kinds}`
- A shared expert of {student.shared_intermediate_size} and {student.num_local_experts} experts of \
{student.intermediate_size}, {student.num_experts_per_tok} a token; {trained["parameters"]:,} parameters
- {trained["bytes"] / 1e6:.1f} MB in all: {trained["quantise"]}, embedding and head in eight bits
- Held-out loss at {trained["length"]} tokens {trained["held_out_loss"]:.3f} before the weights are rounded, \
{trained["held_out_loss_quantised"]:.3f} as shipped{trained_rounded}
- Logits of training code and engine, on the same 32-bit weights, differ by at most \
{trained["parity"]["largest_difference"]:.1e} ({trained["parity"]["first_token"]:.1e} at the first token)

## Held-out loss, nats per token

The student as shipped, the teacher in 32-bit floats.

{losses(measures)}
## Recall, share of answer tokens (of whole answers)

A five-digit code stands at a depth of the text; "multi-key": among {wanted["keys"]} such codes.

{recalls(measures)}
## Prefill and state in the engine, both models in four bits

{speeds(measures)}
## Training

{training(trained)}
![Loss curves](losses.svg)

## Text

{sources(trained)}
Evaluation text shares no document and no near-duplicate with training text.

{tuning(folder)}## Limits

A model of this size is often wrong about facts and weak at arithmetic and long instructions. Read every quote it gives.
"""


def write(folder: Path, wanted: dict, measures: dict) -> None:
    """Writes the card beside the model."""
    (folder / "MODEL_CARD.md").write_text(text(folder, wanted, measures), encoding="utf-8")
