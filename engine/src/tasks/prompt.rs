//! The words put to the model, and the JSON it must answer with. Nothing of a document is ever part of an instruction.

use super::fields::FIELDS_PER_REQUEST;
use super::pack::{FieldSpec, FieldType, Pack};
use crate::generate::framing;
use lectern_model::chat::{ChatTemplate, Piece};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Version of everything in this file, and of what counts as a quote; kept with each result. Raise it when any wording
/// or shape changes.
pub const PROMPT_VERSION: u32 = 5;

/// Shortest and longest quote in characters: shorter ones say too little to be found, longer ones repeat the document.
pub(crate) const QUOTE_CHARS: (u64, u64) = (20, 400);

/// Most tokens of an answer.
pub const MOST_ANSWER_TOKENS: usize = 900;
/// Most passages shown beside a question, and beside a field, where the first few hold nearly all that five do and each
/// costs the time of reading it for every field of a pack.
pub const PASSAGES: usize = 5;
/// See [`PASSAGES`].
pub const FIELD_PASSAGES: usize = 3;
/// Most tokens of the passages beside a request, with their framing.
pub const PASSAGE_TOKENS: usize = 640;
/// Most tokens of the answer to a question: three quotes and two sentences.
const QUESTION_TOKENS: usize = 480;
/// Most tokens that passages and answer of one request take together. Only questions and fields show passages, and their
/// answers are short.
pub const MOST_REQUEST_TOKENS: usize = if PASSAGE_TOKENS + QUESTION_TOKENS > MOST_ANSWER_TOKENS {
    PASSAGE_TOKENS + QUESTION_TOKENS
} else {
    MOST_ANSWER_TOKENS
};
const _: () = assert!(TOKENS_PER_FIELD * FIELDS_PER_REQUEST <= QUESTION_TOKENS);
/// Most key points: as many as a person reads before opening the document.
const KEY_POINTS: usize = 7;
/// Most lines of each kind in minutes, and most people.
const LINES: usize = 8;
const PEOPLE: usize = 20;
/// Most tokens for one field: three quotes of 400 characters are about 300.
const TOKENS_PER_FIELD: usize = 360;

/// One request: what the model is told and what it must answer. The answer is compact JSON, without white space between
/// its parts, in the schema's order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prompt {
    /// The words.
    pub instruction: String,
    /// The JSON schema of the answer.
    pub schema: Value,
    /// Most tokens of the answer.
    pub max_tokens: usize,
}

/// Asks for the document in one line.
pub fn headline() -> Prompt {
    let instruction = "Say in one sentence what the document above is and what it is about. First copy one passage of the document that \
     shows it, then write the sentence."
        .to_owned();
    Prompt { instruction, schema: point_schema("sentence"), max_tokens: 240 }
}

/// Asks for the key points.
pub fn key_points() -> Prompt {
    let instruction = format!(
        "List the most important points of the document above, at most {KEY_POINTS}. For each point first copy the passage of \
         the document that says it, then state the point in one sentence. Take different passages. Add nothing that the \
         document does not say."
    );
    Prompt { instruction, schema: list_schema("points", "point", &[], 1, KEY_POINTS), max_tokens: MOST_ANSWER_TOKENS }
}

/// Asks for the point of one section.
pub fn section_point(heading: &str) -> Prompt {
    let instruction = format!(
        "Summarize the section “{}” of the document above. First copy its most important passage, then state in one \
         sentence what the section says.",
        one_line(heading)
    );
    Prompt { instruction, schema: point_schema("summary"), max_tokens: 240 }
}

/// Asks who took part, for meetings whose speakers are not marked.
pub fn attendees() -> Prompt {
    let instruction = "List the people who took part in the meeting above. For each first copy the passage that names the person, then \
     give the name as written there. If nobody is named, give an empty list."
        .to_owned();
    Prompt { instruction, schema: list_schema("attendees", "name", &[], 0, PEOPLE), max_tokens: MOST_ANSWER_TOKENS }
}

/// Asks what a meeting was about.
pub fn topics() -> Prompt {
    let instruction = format!(
        "List the topics that the meeting above discussed, at most {LINES}, in their order. For each first copy the passage \
         where the topic is taken up, then name the topic in a few words."
    );
    Prompt { instruction, schema: list_schema("topics", "topic", &[], 0, LINES), max_tokens: MOST_ANSWER_TOKENS }
}

/// Asks for decisions.
pub fn decisions() -> Prompt {
    let instruction = format!(
        "List the decisions that were made in the meeting above, at most {LINES}. A proposal or a question is not a \
         decision. For each first copy the passage where it is decided, then state the decision in one sentence. If \
         nothing was decided, give an empty list."
    );
    Prompt { instruction, schema: list_schema("decisions", "decision", &[], 0, LINES), max_tokens: MOST_ANSWER_TOKENS }
}

/// Asks for action items.
pub fn actions() -> Prompt {
    let instruction = format!(
        "List the tasks that someone in the meeting above agreed or was told to do, at most {LINES}. For each first copy \
         the passage where it is said, then state the task in one sentence, then who does it and until when, in the words \
         of the meeting. Leave owner or due empty where it is not said. If there are no tasks, give an empty list."
    );
    Prompt {
        instruction,
        schema: list_schema("tasks", "task", &["owner", "due"], 0, LINES),
        max_tokens: MOST_ANSWER_TOKENS,
    }
}

/// Asks for a group of fields.
pub fn fields(fields: &[FieldSpec]) -> Prompt {
    let mut text = String::from("Look in the document above for the following. ");
    for field in fields {
        text.push_str(&format!("{}: {}", one_line(&field.name), one_line(&field.description)));
        if !field.description.ends_with(['.', '?', '!']) {
            text.push('.');
        }
        text.push_str(match field.kind {
            FieldType::Date => " Copy the passage with the date. ",
            FieldType::Duration => " Copy the passage with the length of time. ",
            FieldType::Money => " Copy the passage with the amount. ",
            FieldType::Percent => " Copy the passage with the percentage. ",
            FieldType::Number => " Copy the passage with the number. ",
            FieldType::Party => " Copy the passage that names them. ",
            FieldType::Text | FieldType::Clause | FieldType::Flag => " Copy the passage that says so. ",
        });
    }
    text.push_str("Copy one to three passages. If the document does not have it, write \"none\".");
    Prompt { instruction: text, schema: fields_schema(fields), max_tokens: TOKENS_PER_FIELD * fields.len() }
}

/// Puts a person's question.
pub fn question(question: &str) -> Prompt {
    let instruction = format!(
        "Answer this question from the document above only: {} First copy the passages that answer it, at most \
         three; then answer in one or two sentences. If the document does not answer it, write \"none\" for the passages.",
        one_line(question)
    );
    Prompt { instruction, schema: question_schema(), max_tokens: QUESTION_TOKENS }
}

/// Everything that is put to a model, for code that trains one: the frame around a document and all requests, so that
/// training and use cannot differ. Words in braces stand for what is filled in.
pub fn catalogue(template: ChatTemplate, pack: &Pack) -> Value {
    let pieces = |pieces: Vec<Piece>| -> Vec<Value> {
        let piece = |p: Piece| match p {
            Piece::Special(name) => json!({ "special": name }),
            Piece::Text(text) => json!({ "text": text }),
        };
        pieces.into_iter().map(piece).collect()
    };
    let of_fields = pack.fields.iter().map(|f| {
        let Prompt { instruction, schema, max_tokens } = fields(std::slice::from_ref(f));
        let asked = json!({
            "instruction": instruction, "schema": schema, "max_tokens": max_tokens, "ranked_by": f.request(),
            "most_passages": FIELD_PASSAGES,
        });
        (f.name.clone(), asked)
    });
    json!({
        "prompt_version": PROMPT_VERSION,
        "framing_version": framing::FRAMING_VERSION,
        "before": pieces(framing::before(template, "{label}")),
        "after": pieces(framing::after()),
        "request": pieces(framing::question(template, &[], "{instruction}")),
        "passages": {
            "before": framing::PASSAGES_BEFORE,
            "each": framing::passage("{number}", "{passage}"),
            "after": framing::PASSAGES_AFTER,
            "most": PASSAGES,
            "most_tokens": PASSAGE_TOKENS,
            "frame_tokens": framing::PASSAGE_FRAME_TOKENS,
        },
        "end": pieces(template.close()),
        "requests": {
            "headline": headline(),
            "key_points": key_points(),
            "section_point": section_point("{heading}"),
            "attendees": attendees(),
            "topics": topics(),
            "decisions": decisions(),
            "actions": actions(),
            "question": question("{question}"),
        },
        "fields": of_fields.collect::<Map<String, Value>>(),
    })
}

/// A verbatim piece of the document.
fn quote_schema() -> Value {
    json!({"type": "string", "x-lectern-quote": true, "minLength": QUOTE_CHARS.0, "maxLength": QUOTE_CHARS.1})
}

/// Free text of at most `most` characters, not empty.
fn text_schema(most: u64) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": most})
}

/// Free text of at most `most` characters, empty where nothing is said.
fn optional_text_schema(most: u64) -> Value {
    json!({"type": "string", "maxLength": most})
}

/// An object with exactly these properties, in this order.
fn object_schema(properties: impl IntoIterator<Item = (String, Value)>) -> Value {
    let properties: Map<String, Value> = properties.into_iter().collect();
    let required: Vec<&String> = properties.keys().collect();
    json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false})
}

/// `{"<list>": [{"quote": …, "<text>": …, <more>}]}` with at least `least` and at most `most` items. The quote comes
/// first: what is stated then follows from words of the document.
fn list_schema(list: &str, text: &str, more: &[&str], least: usize, most: usize) -> Value {
    let mut item = vec![("quote".to_owned(), quote_schema()), (text.to_owned(), text_schema(240))];
    item.extend(more.iter().map(|m| ((*m).to_owned(), optional_text_schema(60))));
    let items = json!({"type": "array", "minItems": least, "maxItems": most, "items": object_schema(item)});
    object_schema([(list.to_owned(), items)])
}

/// `{"quote": …, "<text>": …}`.
fn point_schema(text: &str) -> Value {
    object_schema([("quote".to_owned(), quote_schema()), (text.to_owned(), text_schema(300))])
}

/// `{"<field name>": {"quotes": […] or "none"}, …}`.
fn fields_schema(fields: &[FieldSpec]) -> Value {
    object_schema(fields.iter().map(|f| (f.name.clone(), quotes_schema([]))))
}

/// `{"quotes": […] or "none", "answer": …}`.
fn question_schema() -> Value {
    quotes_schema([("answer".to_owned(), optional_text_schema(400))])
}

/// Quotes, or the word that says there are none. Saying yes without a passage is not possible: a small model did just
/// that whenever it could.
fn quotes_schema(more: impl IntoIterator<Item = (String, Value)>) -> Value {
    let some = json!({"type": "array", "minItems": 1, "maxItems": 3, "items": quote_schema()});
    let quotes = json!({"anyOf": [some, {"const": "none"}]});
    object_schema(std::iter::once(("quotes".to_owned(), quotes)).chain(more))
}

/// Text from a person, or a heading, on one line: it cannot look like a turn of its own.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
