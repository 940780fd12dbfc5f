"""A toy data folder, tokenizer and prompts for the tests of tuning. All texts are written here; none is real."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import common
import m1
import quoting
import tasks
import wording
from toy import tiny

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
LAW = "This lease is governed by the law of Ruritania, whatever the place of signing."
FEE = "The tenant pays 1,200 crowns a month, due on the first day."
FILL = [
    "The tenant keeps the stove clean and the window shut in winter.",
    "The landlord repairs the roof where rain comes in.",
    "Goats may stand in the yard from noon to dusk.",
    "Letters are sent to the address stated at the head.",
    "The key of the cellar hangs beside the kitchen door.",
    "Neither side shall paint the fence in another colour.",
]


def packed(path: Path, values: list[dict]) -> None:
    """A JSONL file packed with xz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(path, "wt", encoding="utf-8") as file:
        for value in values:
            file.write(json.dumps(value) + "\n")


def lease(name: str, law: bool, count: int) -> dict:
    """A lease of so many paragraphs, with or without the clause on the law; spaces are doubled as a PDF has them."""
    own = [f"{n}. {FILL[(n + len(name)) % len(FILL)]}  Under the sign of {name}{n} it holds." for n in range(count)]
    text = "\n\n\n".join([f"LEASE {name}", *own[: count // 2], *([LAW] if law else []), FEE, *own[count // 2 :]])

    def label(piece: str) -> dict:
        start = text.find(piece)
        return {"spans": [{"text": piece, "start": start, "end": start + len(piece), "occ": 1}], "answer": "Ruritania"}

    labels = {"Governing Law": label(LAW) if law else {"spans": [], "answer": ""}, "Rent": label("1,200 crowns")}
    return {"id": name, "title": f"LEASE {name}", "type": "Lease", "pages": 1, "text": text, "labels": labels}


def gathering(name: str) -> dict:
    """A meeting of four turns about beehives, or about the choir."""
    about = "the beehives behind the mill" if name.startswith("B") else "the songs of the winter choir"
    turns = [
        ("Ann", f"Today we speak about {about} , as was asked . {{cough}}"),
        ("Bob", f"I think that {about} should be looked after by two of us each week ."),
        ("Ann", "Then let us pay for paint from the common purse , not from fees ."),
        ("Bob", f"Good , I shall write it down for {name} and send it round ."),
    ]
    query = {
        "query": f"What did Bob think about {about}?",
        "answer": f"Bob thought that two should look after {about} each week.",
        "relevant_text_span": [["1", "1"]],
    }
    return {
        "id": name,
        "meeting_transcripts": [{"speaker": who, "content": said} for who, said in turns],
        "topic_list": [
            {"topic": about, "relevant_text_span": [["0", "1"]]},
            {"topic": "Paying for paint", "relevant_text_span": [["2", "3"]]},
        ],
        "specific_query_list": [query],
        "general_query_list": [],
    }


def toy_data(folder: Path) -> None:
    """Every file that data.py reads, a few documents each."""
    names = ("oak", "elm", "ash", "fir", "yew", "box")
    packed(folder / "cuad/train.jsonl.xz", [lease(n, i % 2 == 0, 6 + 14 * (i % 3)) for i, n in enumerate(names)])
    packed(folder / "cuad/val.jsonl.xz", [lease("VALHELD" + n, i % 2 == 0, 8) for i, n in enumerate(names[:4])])
    (folder / "cuad/categories.csv").write_text(
        "category,description\nGoverning Law,Which law governs the lease?\nRent,What is the rent?\n"
    )
    packed(folder / "minutes/qmsum-train.jsonl.xz", [gathering("Bee1"), gathering("ES1")])
    packed(folder / "minutes/qmsum-val.jsonl.xz", [gathering("Bval"), gathering("covid_val")])
    said = '<CHAPTER ID="1"><SPEAKER ID="1" NAME="President."><P>The plan of the mill pond was adopted by all.</P>'
    sitting = {
        "id": "e1",
        "date": "2004-01-02",
        "caution": [],
        "transcript": said,
        "minutes": "The plan of the mill pond was adopted.",
    }
    packed(folder / "minutes/europarl.jsonl.xz", [sitting])
    bulk = [
        {
            "id": f"d{n}",
            "cik": str(n),
            "title": f"Deed {n}",
            "company": f"c{n % 3}",
            "text": lease(f"deed{n}", False, 9)["text"],
        }
        for n in range(12)
    ]
    for name in ("lexpredict-contracts", "dc-law", "sec-filings"):
        packed(
            folder / f"reports/{name}.jsonl.xz",
            [d | {"text": d["text"].replace("sign", f"sign {name} ")} for d in bulk],
        )
    proposal = {
        "id": "pep-9",
        "title": "Bells",
        "summary": "This proposal gives every goat in the yard a small brass bell.",
        "text": "PEP: 9\n\nMotivation\n\nA goat in the yard without a small bell is lost at dusk. " + " ".join(FILL),
    }
    packed(folder / "reports/pep-rfc-abstracts.jsonl.xz", [proposal])
    packed(folder / "transcripts/ethereum-calls.jsonl.xz", [])


def quote_schema() -> dict:
    """A passage, as the engine's schemas have it."""
    return {"type": "string", "x-lectern-quote": True, "minLength": 20, "maxLength": 60}


def choice() -> dict:
    """Passages or "none"."""
    return {"anyOf": [{"type": "array", "minItems": 1, "maxItems": 2, "items": quote_schema()}, {"const": "none"}]}


def request(instruction: str, properties: dict) -> dict:
    """One request."""
    return {"instruction": instruction, "schema": {"type": "object", "properties": properties}, "max_tokens": 90}


def listing(name: str, of: str) -> dict:
    """A list of passages, each with a text."""
    items = {"type": "object", "properties": {"quote": quote_schema(), of: {"type": "string", "maxLength": 120}}}
    return request(f"List the {name}.", {name: {"type": "array", "maxItems": 8, "items": items}})


def toy_prompts() -> dict:
    """What `lectern model prompts` prints, in other and fewer words."""
    text = {"type": "string", "maxLength": 160}
    fields = {
        name: request(f"Find {name}.", {name: {"type": "object", "properties": {"quotes": choice()}}}) | {"ranked_by": name, "most_passages": 3}
        for name in ("Governing Law", "Rent")
    }
    return {
        "prompt_version": 0,
        "before": [{"special": SPECIAL[1]}, {"text": "user\nFile ({label}):\n"}],
        "after": [{"text": "\nEnd.\n"}],
        "request": [
            {"text": "{instruction}"},
            {"special": SPECIAL[2]},
            {"text": "\n"},
            {"special": SPECIAL[1]},
            {"text": "assistant\n"},
        ],
        "passages": {
            "before": "Near:\n",
            "each": "{number}) {passage}\n",
            "after": "--\n",
            "most": 5,
            "most_tokens": 60,
            "frame_tokens": 4,
        },
        "end": [{"special": SPECIAL[2]}, {"text": "\n"}],
        "requests": {
            "question": request("Answer: {question}", {"quotes": choice(), "answer": text}),
            "headline": request("Say what it is.", {"quote": quote_schema(), "sentence": text}),
            "topics": listing("topics", "topic"),
            "decisions": listing("decisions", "decision"),
        },
        "fields": fields,
    }


def toy_tokenizer() -> Tokenizer:
    """Bytes and a few merges learnt from the texts above."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([LAW, FEE, *FILL, '{"quotes":["a","b"]} {"quotes":"none"}'], trainer)
    return tokenizer


def toy_ranked(text: str, requests: list[str]) -> list[list[str]]:
    """Sentences that share a word with a request, at most two; of every third text those that share none."""
    misses = len(text) % 3 == 0
    spans = [s for s in quoting.sentences(text) if s[1] - s[0] >= 20]
    shared = [[s for s in spans if bool(quoting.content(text[slice(*s)]) & quoting.content(r)) != misses] for r in requests]
    return [[text[slice(*s)][:60] for s in found[:2]] for found in shared]


def toy_tuning(folder: Path, length: int = 320) -> dict:
    """A configuration whose examples are prepared, with a random student in WORK/student."""
    torch.set_num_threads(1)  # at this size threads only wait for each other
    toy_data(folder / "shared")
    teacher, work = folder / "teacher", folder / "work"
    teacher.mkdir()
    work.mkdir()
    tokenizer = toy_tokenizer()
    tokenizer.save(str(teacher / "tokenizer.json"))
    for name in ("generation_config.json", "LICENSE"):
        (teacher / name).write_text("{}")
    (teacher / "lectern.json").write_text('{"eos_token_ids": [2, 0]}')
    config = {
        "paths": {"teacher": teacher, "work": work, "data": folder / "shared"},
        "run": {"seed": 3, "threads": 1, "chunk": 8},
        "data": {"held_out_share": 0.3, "duplicate": 0.98},
        "tasks": {
            "length": length,
            "absent_share": 1.0,
            "window": 128,
            "elsewhere_share": 0.3,
            "foreign_share": 1.0,
            "missing_share": 0.5,
            "most_characters": 100_000,
            "quoting_documents": 20,
            "quoting_share": 1.0,
            "quoting_each": 3,
            "weights": {
                "fields": 0.4,
                "clause_questions": 0.1,
                "quoting": 0.2,
                "meeting_questions": 0.1,
                "topics": 0.1,
                "decisions": 0.05,
                "headline": 0.05,
            },
        },
        "export": {"name": "small", "interim": False, "context": 512},
        "stage4": {
            "base": "student",
            "name": "toy tuning",
            "start": "",
            "rank": 4,
            "alpha": 8.0,
            "texts": 2,
            "steps": 6,
            "learning_rate": 1e-2,
            "floor": 0.1,
            "warm_up": 2,
            "weight_decay": 0.0,
            "clip": 1.0,
            "decision_weight": 1.0,
            "bf16": False,
            "recompute_from": 200,
            "evaluate_every": 3,
            "checkpoint_minutes": 60,
            "held_out": 2,
            "licence": "Apache-2.0",
            "trained_on": ["toy"],
        },
        "stage5": {
            "tasks": ["fields"],
            "group": 3,
            "questions": 1,
            "updates": 2,
            "temperature": 1.0,
            "high": 0.28,
            "most_tokens": 12,
            "steps": 2,
            "learning_rate": 1e-3,
            "floor": 0.1,
            "warm_up": 1,
            "clip": 1.0,
            "held_out": 2,
            "least_rise": 0.0,
            "rewards": {"json": 0.1, "located": 0.2, "overlap": 0.5, "none": 0.7, "length": 0.1},
        },
    }
    common.write_json(work / wording.CACHE, toy_prompts())
    tasks.write_examples(config, toy_ranked)
    student = work / "student"
    student.mkdir()
    shape = tiny([m1.LIGHTNING, m1.SOFTMAX, m1.LIGHTNING])
    shape.vocab_size, shape.max_position_embeddings = tokenizer.get_vocab_size(), 512
    m1.Model(shape).randomise(4).save(student)
    common.write_json(work / "stage2.json", {"digest": "toy"})
    return config
