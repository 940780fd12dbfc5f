//! Tool calls as MiniMax-M1 writes them (spec 1.7): a list of tools is announced in a system turn, calls come as JSON lines
//! between `<tool_calls>` and `</tool_calls>`, results go back in a turn of their own.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::chat::{ChatTemplate, Piece};

const OPEN: &str = "<tool_calls>";
const CLOSE: &str = "</tool_calls>";

/// A tool that a model may call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// JSON schema of its arguments, an object.
    pub parameters: Value,
}

/// A call that a model wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// The tool's name.
    pub name: String,
    /// Its arguments.
    #[serde(default)]
    pub arguments: Map<String, Value>,
}

/// What a tool gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolResult {
    /// The tool's name.
    pub name: String,
    /// Its result, as text.
    pub text: String,
}

/// Calls that cannot be made. The message can be given back to the model as the result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// The answer ended inside the calls.
    #[error("the tool calls have no closing {CLOSE}")]
    Unclosed,
    /// A line that is no call.
    #[error("the tool call `{line}` cannot be read: {reason}")]
    Line {
        /// The line.
        line: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A tool nobody announced.
    #[error("there is no tool `{name}`; there are {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The names that were announced.
        known: String,
    },
}

/// The system turn that announces `tools`, to be put after the other system turns. Empty for no tools and for templates
/// that have no such turn.
#[must_use]
pub fn announce(template: ChatTemplate, tools: &[Tool]) -> Vec<Piece> {
    if tools.is_empty() || template == ChatTemplate::ChatMl {
        return Vec::new();
    }
    let lines: String = tools
        .iter()
        .map(|tool| {
            // In the order that the model was taught, with names in double quotes.
            let (name, description) = (Value::from(tool.name.as_str()), Value::from(tool.description.as_str()));
            let parameters = &tool.parameters;
            format!("{{\"name\": {name}, \"description\": {description}, \"parameters\": {parameters}}}\n")
        })
        .collect();
    let text = format!(
        "system tool_setting=tools\nYou are provided with these tools:\n<tools>\n{lines}</tools>\n\nIf you need to call \
         tools, please respond with {OPEN}{CLOSE} XML tags, and provide tool-name and json-object of arguments, following \
         the format below:\n{OPEN}\n{{\"name\": <tool-name>, \"arguments\": <args-json-object>}}\n...\n{CLOSE}"
    );
    turn(text, template)
}

/// The turn that gives results back, in the order of their calls. Empty as [`announce`] is.
#[must_use]
pub fn give_back(template: ChatTemplate, results: &[ToolResult]) -> Vec<Piece> {
    if results.is_empty() || template == ChatTemplate::ChatMl {
        return Vec::new();
    }
    let one = |result: &ToolResult| format!("tool name: {}\ntool result: {}\n\n", result.name, result.text);
    turn(format!("tool name=tools\n{}", results.iter().map(one).collect::<String>()), template)
}

fn turn(text: String, template: ChatTemplate) -> Vec<Piece> {
    let mut pieces = vec![Piece::Special("<beginning_of_sentence>"), Piece::Text(text)];
    pieces.extend(template.close());
    pieces
}

/// Parts an answer (its thinking taken out before, see [`crate::chat::split_thinking`]) into what is said and the tools
/// that are called, in order.
///
/// # Errors
/// See [`ToolError`]; `tools` are those that were announced.
pub fn parse<'a>(answer: &'a str, tools: &[Tool]) -> Result<(&'a str, Vec<ToolCall>), ToolError> {
    let Some((said, rest)) = answer.split_once(OPEN) else { return Ok((answer, Vec::new())) };
    let (inside, _) = rest.split_once(CLOSE).ok_or(ToolError::Unclosed)?;
    let lines = inside.lines().map(str::trim).filter(|line| !line.is_empty());
    let calls = lines.map(|line| call(line, tools)).collect::<Result<_, _>>()?;
    Ok((said.trim_end(), calls))
}

fn call(line: &str, tools: &[Tool]) -> Result<ToolCall, ToolError> {
    let call: ToolCall = serde_json::from_str(line)
        .map_err(|error| ToolError::Line { line: line.to_owned(), reason: error.to_string() })?;
    if tools.iter().any(|tool| tool.name == call.name) {
        return Ok(call);
    }
    let known: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
    Err(ToolError::Unknown { name: call.name, known: known.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tools() -> Vec<Tool> {
        let parameters = json!({"type": "object", "properties": {"query": {"type": "string"}}});
        vec![Tool { name: "search".into(), description: "Finds \"passages\".".into(), parameters }]
    }

    fn flat(pieces: &[Piece]) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Special(special) => (*special).to_owned(),
            Piece::Text(text) => text.clone(),
        };
        pieces.iter().map(text).collect()
    }

    #[test]
    fn tools_and_results_are_written_as_published() {
        let announced = flat(&announce(ChatTemplate::MiniMaxM1Vllm, &tools()));
        assert!(announced.starts_with("<beginning_of_sentence>system tool_setting=tools\nYou are provided with"));
        let line = announced.lines().find(|line| line.starts_with('{')).unwrap();
        assert_eq!(serde_json::from_str::<Tool>(line).unwrap(), tools()[0]);
        assert!(announced.ends_with("\n...\n</tool_calls><end_of_sentence>\n"));
        let results = [("search", "Clause 4."), ("search", "Clause 9.")];
        let results = results.map(|(name, text)| ToolResult { name: name.into(), text: text.into() });
        assert_eq!(
            flat(&give_back(ChatTemplate::MiniMaxM1Hf, &results)),
            "<beginning_of_sentence>tool name=tools\ntool name: search\ntool result: Clause 4.\n\n\
             tool name: search\ntool result: Clause 9.\n\n<end_of_sentence>\n"
        );
        assert!(
            announce(ChatTemplate::ChatMl, &tools()).is_empty() && announce(ChatTemplate::default(), &[]).is_empty()
        );
    }

    #[test]
    fn calls_are_typed_and_what_is_no_call_is_said() {
        let answer = "I look.\n<tool_calls>\n{\"name\": \"search\", \"arguments\": {\"query\": \"a </b>\\n\"}}\n\n\
                      {\"name\": \"search\"}\n</tool_calls>";
        let (said, calls) = parse(answer, &tools()).unwrap();
        assert_eq!((said, calls.len()), ("I look.", 2));
        assert_eq!(calls[0].arguments["query"], "a </b>\n");
        assert!(calls[1].arguments.is_empty());
        assert_eq!(parse("Nothing to call.", &tools()).unwrap(), ("Nothing to call.", Vec::new()));
        assert_eq!(parse("<tool_calls>\n{\"name\"", &tools()), Err(ToolError::Unclosed));
        let wrong = |line: &str| parse(&format!("<tool_calls>\n{line}\n</tool_calls>"), &tools()).unwrap_err();
        assert!(matches!(wrong("search(x)"), ToolError::Line { .. }));
        assert!(matches!(wrong("{\"name\": \"search\", \"arguments\": [1]}"), ToolError::Line { .. }));
        assert!(wrong("{\"name\": \"find\"}").to_string().contains("there are search"));
    }
}
