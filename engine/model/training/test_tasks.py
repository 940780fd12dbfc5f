"""What must hold of the examples for tuning, on toy texts: masks, passages, the split, drawing anew after a stop."""

from __future__ import annotations

import json
import os
import tempfile
import unittest
from pathlib import Path

import numpy as np

import engine
import quoting
import tasks
import wording
from toy_tasks import LAW, toy_tuning
from wording import Part, compact, fill


def quotes_in(answer: object) -> list[str]:
    """Every passage of an answer."""
    if isinstance(answer, dict):
        own = answer.get("quotes", [answer["quote"]] if "quote" in answer else [])
        return (own if isinstance(own, list) else []) + [
            q for v in answer.values() for q in quotes_in(v) if isinstance(v, (dict, list))
        ]
    return [q for v in answer for q in quotes_in(v)] if isinstance(answer, list) else []


class Passages(unittest.TestCase):
    def test_words_and_amounts_stay_whole(self) -> None:
        text = 'Pay EUR 1,000.50 at "Bank" now.\nDon\'t wait; Sub-clause 3.1(b).'
        for good in ("Pay EUR 1,000.50", 'Pay EUR 1,000.50 at "Bank" now.', "Don't wait;", "Sub-clause 3.1(b)"):
            start = text.find(good)
            self.assertTrue(quoting.is_quotable(text, (start, start + len(good)), 1, 99), good)
        for bad in ("ay EUR", "Pay EUR 1", "Pay EUR 1,000", "000.50 at", "Pay ", "t wait"):
            start = text.find(bad)
            self.assertFalse(quoting.is_quotable(text, (start, start + len(bad)), 1, 99), bad)

    def test_a_passage_begins_where_a_sentence_or_a_line_does(self) -> None:
        text = (
            "12.1 The fee (see “Rates”) is due.  It is paid yearly; late sums bear interest: 4 %.\n"
            "(b) notice, in writing,\nto the seat\nAnna Berg: Yes. • "
        )
        good = ("12.1 The", "The fee", "It is", "late sums", "4 %", "(b) notice", "notice, in", "to the", "Yes")
        bad = ("fee (see", "Rates", "is due", "sums bear", "in writing", "the seat", "Berg")
        for quote in good + bad:
            self.assertEqual(quoting.may_begin(text, text.index(quote)), quote in good, quote)
        self.assertTrue(quoting.may_begin("  leading space", 2))

    def test_a_label_is_widened_to_its_sentence_and_cut_at_a_word(self) -> None:
        text = "Rent. The rent is 1,200 crowns a month, due on the first day of each month, in coin."
        start, end = quoting.fit(text, (20, 23), 20, 60)
        self.assertEqual(text[start:end], "The rent is 1,200 crowns")
        late = text.index("first")
        self.assertIsNone(quoting.fit(text, (late, late + 20), 20, 40), "less than half of it would be shown")
        text = text[6:]
        start, end = quoting.fit(text, (0, len(text)), 20, 40)
        self.assertEqual(text[start:end], "The rent is 1,200 crowns a month, due on")
        self.assertIsNone(quoting.fit("too short", (0, 9), 20, 60))

    def test_places_follow_a_text_whose_white_space_shrank(self) -> None:
        raw, text = "a  b\r\n\n\n\n c   d", "a  b\n\n c  d"
        span = quoting.moved((raw.find("b"), len(raw)), quoting.places(raw, text))
        self.assertEqual(text[slice(*span)], "b\n\n c  d")


    def test_a_piece_is_found_whatever_white_space_it_has(self) -> None:
        text = "One  two\n three.\nFour"
        bare = quoting.Bare(text)
        start, end = bare.find("two three.")
        self.assertEqual(text[start:end], "two\n three.")
        self.assertIsNone(bare.find("two four"))
        self.assertIsNone(bare.find(" "))


class Answers(unittest.TestCase):
    def test_a_schema_says_how_an_answer_is_written(self) -> None:
        quote = {"type": "string", "x-lectern-quote": True, "minLength": 2, "maxLength": 9}
        either = {"anyOf": [{"type": "array", "maxItems": 2, "items": quote}, {"const": "none"}]}
        schema = {"type": "object", "properties": {"quotes": either, "answer": {"type": "string", "maxLength": 4}}}
        self.assertEqual(compact(fill(schema, [Part("as is")], "so")), '{"quotes":["as is"],"answer":"so"}')
        self.assertEqual(compact(fill(schema, [])), '{"quotes":"none","answer":""}')
        text = {"type": "string"}
        entry = {"type": "object", "properties": {"quote": quote, "task": text, "owner": text}}
        schema = {"type": "object", "properties": {"tasks": {"type": "array", "items": entry}}}
        made = compact(fill(schema, [Part("as is", "do")]))
        self.assertEqual(made, '{"tasks":[{"quote":"as is","task":"do","owner":""}]}')

    @unittest.skipUnless(os.environ.get("LECTERN_BIN"), "no lectern binary")
    def test_the_engine_s_own_requests_can_be_answered(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            prompts = json.loads(wording.print_prompts(engine.binary(None), Path(folder)).read_text())
        self.assertEqual(len(prompts["fields"]), 41)
        self.assertTrue(all(field["ranked_by"].startswith(name) for name, field in prompts["fields"].items()))
        for request in [*prompts["requests"].values(), *prompts["fields"].values()]:
            self.assertEqual(wording.quote_limits(request["schema"]), (20, 400))
            made = fill(request["schema"], [Part("q" * 20, "t")], "t")
            self.assertEqual(list(made), request["schema"]["required"])


    @unittest.skipUnless(os.environ.get("LECTERN_BIN"), "no lectern binary")
    def test_the_engine_s_passages_are_pieces_of_the_text(self) -> None:
        text = f"The tenant keeps goats in the yard.\n\n{LAW} Letters are sent by post.\n"
        found = engine.passages(engine.binary(None), text, ["Which law governs the lease?", "Anything on insurance?"])
        self.assertEqual(found, [[LAW], []])


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.config = toy_tuning(Path(cls.folder.name))
        cls.examples = tasks.Examples(cls.config)
        cls.drawn = [e for step in range(60) for e in cls.examples.batch(4, step, 2)]

    @classmethod
    def tearDownClass(cls) -> None:
        cls.folder.cleanup()

    def test_all_tasks_are_drawn_and_none_is_too_long(self) -> None:
        self.assertEqual({e.task for e in self.drawn}, set(self.config["tasks"]["weights"]))
        self.assertLessEqual(max(len(e.ids) for e in self.drawn), self.config["tasks"]["length"])
        windows = [e for e in self.drawn if len(e.shown) < len(self.examples.texts[e.item.document].text)]
        self.assertGreater(len(windows), 5)

    def test_a_passage_that_is_longer_than_what_is_shown_gives_no_window(self) -> None:
        document = max(self.examples.texts.values(), key=lambda text: len(text.text))
        whole = tasks.Item("quoting", document.id, "question", parts=[(0, len(document.text), "")])
        generator, count = np.random.default_rng(1), len(self.examples.starts(document.id))
        self.assertIsNone(self.examples.window(whole, count - 5, False, generator))
        self.assertEqual(self.examples.window(whole, count, False, generator), (0, len(document.text)))

    def test_masks_cover_exactly_the_answer_and_its_end(self) -> None:
        words = self.examples.wording
        for e in self.drawn:
            self.assertEqual(words.tokenizer.decode(e.ids[e.mask].tolist()[:-1]), compact(e.answer))
            self.assertEqual(int(e.ids[-1]), words.end_of_turn())
            self.assertTrue(e.mask[e.prompt :].all())
            self.assertFalse(e.mask[: e.prompt].any())
            self.assertTrue(
                words.tokenizer.decode(e.ids[: e.prompt].tolist(), skip_special_tokens=False).endswith("assistant\n")
            )

    def test_passages_are_pieces_of_what_is_shown(self) -> None:
        seen = 0
        for e in self.drawn:
            for quote in quotes_in(e.answer):
                places = quoting.occurrences(e.shown, quote)
                self.assertTrue(any(quoting.is_quotable(e.shown, span, 20, 60) for span in places), quote)
                seen += 1
        self.assertGreater(seen, 60)

    def test_passages_stand_beside_requests_as_the_engine_puts_them(self) -> None:
        beside = [e for e in self.drawn if len(e.pieces) > 1]
        self.assertEqual({e.task for e in beside} & {"topics", "decisions", "headline"}, set())
        self.assertGreater(len(beside), 20)
        for e in beside:
            prompt = self.examples.wording.tokenizer.decode(e.ids[: e.prompt].tolist())
            shown = [f"{n}) {e.text[slice(*piece)]}\n" for n, piece in enumerate(e.pieces[1:], 1)]
            self.assertIn(f"Near:\n{''.join(shown)}--\n", prompt)
            self.assertEqual(e.pieces[1:], e.item.near[: len(shown)])
        outside = [e for e in beside if e.quotes and e.quotes[0] not in e.text[slice(*e.pieces[0])]]
        self.assertTrue(outside, "an answer that stands beside the request alone")

    def test_a_passage_that_shows_half_of_a_label_is_the_answer(self) -> None:
        text = next(t.text for t in self.examples.texts.values() if LAW in t.text)
        at = text.index(LAW)
        item = tasks.Item("fields", "x", "field:Governing Law", parts=[(at, at + len(LAW), "")], near=[(at, at + 60)])
        request = self.examples.wording.request(item.request)
        cut = self.examples.marked(text, item, request, [(0, 1), *item.near])
        self.assertEqual([text[a:b] for a, b, _ in cut], [LAW[:60]])
        self.assertEqual(self.examples.marked(text, item, request, [(0, 1), (at + 50, at + 99)]), [])
        self.assertEqual(self.examples.marked(text, item, request, [(0, len(text))]), item.parts)

    def test_no_more_passages_are_shown_than_the_engine_has_room_for(self) -> None:
        passages = ["The goat eats the hay of the yard."] * 9
        each = len(self.examples.wording.encode(passages[0])) + 4
        self.assertEqual(len(self.examples.wording.fitting(passages, "question")), min(5, 60 // each))

    def test_none_is_said_only_where_the_label_is_not_shown(self) -> None:
        law = [e for e in self.drawn if e.item.request == "field:Governing Law"]
        absent = [e for e in law if "none" in compact(e.answer)]
        self.assertTrue(absent and len(absent) < len(law))
        for e in absent:
            self.assertNotIn(LAW[:20], e.shown)
            self.assertNotIn("Ruritania", e.shown)
        self.assertTrue(any(e.item.parts for e in absent), "a window without the label that the contract has")

    def test_both_decisions_part_at_one_token(self) -> None:
        for e in self.drawn:
            branch = e.branch()
            self.assertEqual(
                branch is not None, e.task in ("fields", "clause_questions", "quoting", "meeting_questions")
            )
            if branch:
                self.assertGreater(branch[0], e.prompt)

    def test_answers_part_from_those_that_quote_another_passage(self) -> None:
        rivals = [(e, ids) for e in self.drawn for ids in e.rivals]
        self.assertGreater(len(rivals), 5)
        for e, ids in rivals:
            other = self.examples.wording.tokenizer.decode(ids)
            self.assertTrue(e.quotes and other.startswith(compact(e.answer)[:10]) and e.quotes[0] not in other)
            place, own, wrong = e.parting(ids)
            self.assertIn(place, e.choices())
            self.assertEqual((own, wrong), (int(e.ids[place]), ids[place - e.prompt]))
        self.assertTrue(all(not e.rivals for e in self.drawn if e.says_none()))

    def test_nothing_held_out_is_drawn_for_training(self) -> None:
        held = {e.item.document for examples in self.examples.held_out(4).values() for e in examples}
        self.assertTrue(held)
        self.assertFalse(
            held & {i.document for (_, side), items in self.examples.items.items() if side == "train" for i in items}
        )
        for e in self.drawn:
            self.assertNotIn("VALHELD", e.shown)
            self.assertNotIn("val", e.item.document)

    def test_a_step_draws_the_same_after_a_stop(self) -> None:
        again = tasks.Examples(self.config)
        for one, two in zip(self.examples.batch(4, 7, 3), again.batch(4, 7, 3), strict=True):
            self.assertEqual(one.ids.tolist(), two.ids.tolist())
        self.assertNotEqual(
            [e.ids.tolist() for e in again.batch(4, 8, 3)], [e.ids.tolist() for e in again.batch(4, 7, 3)]
        )


if __name__ == "__main__":
    unittest.main()
