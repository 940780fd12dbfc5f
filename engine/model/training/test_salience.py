"""What must hold of the learning of sentences that sum a document up."""

import json
import unittest

import numpy

import salience


def document(texts: list[str], abstract: str, extract: str = "") -> salience.Document:
    """Each sentence has one feature that says how much it shares with the abstract, the others are nothing."""
    width = len(salience.features())
    rows = [[text, True, [salience.gain(text, abstract)] + [0.0] * (width - 1)] for text in texts]
    return salience.Document(json.dumps({"id": "d", "abstract": abstract, "extract": extract, "sentences": rows}))


class Salience(unittest.TestCase):
    def test_the_features_are_those_of_the_program(self) -> None:
        names = salience.features()
        self.assertEqual(len(names), len(set(names)))
        table = json.loads((salience.pathlib.Path(__file__).parents[2] / "src/rules/salience.json").read_text())
        for kind in ("written", "spoken"):
            self.assertEqual(list(table[kind]["weights"]), names)

    def test_a_sentence_gains_by_what_it_shares_with_the_abstract(self) -> None:
        abstract = "The goat eats the hay of the yard."
        self.assertGreater(salience.gain("The goat eats hay.", abstract), salience.gain("A cow drinks water.", abstract))
        self.assertEqual(salience.gain("", abstract), 0)

    def test_what_people_took_out_of_a_meeting_counts(self) -> None:
        made = document(["A: we sell the yard", "B: we paint the barn"], "Barns.", extract="We sell the yard .")
        self.assertEqual(made.extracted.tolist(), [1, 0])
        self.assertEqual(made.texts[0], "we sell the yard", "the speaker is no word of the sentence")

    def test_a_weight_is_found_and_no_two_sentences_taken_say_the_same(self) -> None:
        texts = ["The goat eats hay daily.", "The goat eats hay daily again.", "Rain fell over hills.", "Nothing else matters here."]
        made = document(texts, "The goat eats hay daily.")
        weights = salience.fit([made, made])
        self.assertGreater(weights[0], 0)
        self.assertTrue(numpy.allclose(weights[1:], 0))
        taken = salience.taken(made, made.values @ weights)
        self.assertIn(0, taken)
        self.assertNotIn(1, taken)


if __name__ == "__main__":
    unittest.main()
