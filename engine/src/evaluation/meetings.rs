//! Meetings as QMSum writes them down, and their turns as a person would write them.

use serde::Deserialize;

/// A meeting with the questions people put to it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Meeting {
    /// A stable identifier; its beginning tells the kind of meeting.
    pub id: String,
    /// Questions about all of it.
    #[serde(default)]
    pub general_query_list: Vec<General>,
    /// Questions about parts of it.
    pub specific_query_list: Vec<Query>,
    /// What was said, in order.
    pub meeting_transcripts: Vec<Turn>,
}

/// A question with a person's answer and the turns it rests on.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Query {
    /// The question.
    pub query: String,
    /// The answer.
    pub answer: String,
    /// Pairs of the first and last turn, counted from 0, as text.
    pub relevant_text_span: Vec<Vec<String>>,
}

/// A question about a whole meeting with a person's answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct General {
    /// The question.
    pub query: String,
    /// The answer.
    pub answer: String,
}

/// What one person said before the next began.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Turn {
    /// Who.
    pub speaker: String,
    /// What, with the marks of the transcribers.
    pub content: String,
}

impl Meeting {
    /// What a person says who is asked to sum the whole meeting up.
    pub fn summary(&self) -> Option<&str> {
        let asks = |q: &&General| q.query.to_lowercase().starts_with("summarize the whole meeting");
        self.general_query_list.iter().find(asks).map(|q| q.answer.as_str())
    }

    /// The turns, each as a line `Speaker: words`.
    pub fn lines(&self) -> Vec<String> {
        self.meeting_transcripts.iter().map(|t| format!("{}: {}", t.speaker, spoken(&t.content))).collect()
    }
}

/// A turn as one would write it, as training shows it: no {marks}, no blanks before full stops and commas.
fn spoken(content: &str) -> String {
    let mut made = String::with_capacity(content.len());
    let mut rest = content;
    while let Some(c) = rest.chars().next() {
        let mark = match c {
            '{' => rest.find('}'),
            '<' => rest.find('>'),
            _ => None,
        };
        let inside = mark.and_then(|end| rest.get(1..end)).filter(|w| !w.is_empty() && w.chars().all(is_word));
        let step = inside.map_or(c.len_utf8(), |word| word.len() + 2);
        made.push(if inside.is_some() { ' ' } else { c });
        rest = rest.get(step..).unwrap_or_default();
    }
    let mut line = String::with_capacity(made.len());
    for word in made.split_whitespace() {
        let joined = word.starts_with(['.', ',', '?', '!', ';', ':', '%'])
            || ["'s", "'m", "'t", "'d", "'ll", "'re", "'ve"].iter().any(|ending| word.starts_with(ending));
        if !line.is_empty() && !joined {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_shown_as_one_would_write_them() {
        assert_eq!(spoken("Okay {disfmarker} so , it 's <vocalsound> fine . { a b }"), "Okay so, it's fine. { a b }");
        assert_eq!(spoken("a {gap"), "a {gap");
        assert_eq!(spoken(""), "");
    }
}
