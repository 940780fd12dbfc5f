//! Chat templates: turns to pieces of text and special tokens.
//!
//! A piece of text can never become a special token, whatever a document contains.

/// A piece of a rendered conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A special token by its name.
    Special(&'static str),
    /// Plain text.
    Text(String),
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Rules of the conversation.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// How a model was taught to see a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChatTemplate {
    /// `<|im_start|>role\n...<|im_end|>\n` (SmolLM2 and many others).
    #[default]
    ChatMl,
    /// MiniMax-M1 as in vLLM's template and MiniMax's guide: `ai name=MiniMax AI` (spec 1.7).
    MiniMaxM1Vllm,
    /// MiniMax-M1 as in its tokenizer's own template: `ai name=assistant` (spec 1.7).
    MiniMaxM1Hf,
}

impl ChatTemplate {
    /// The template of that name: `chatml`, `minimax_m1`, `minimax_m1_hf`.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "chatml" => Some(Self::ChatMl),
            "minimax_m1" => Some(Self::MiniMaxM1Vllm),
            "minimax_m1_hf" => Some(Self::MiniMaxM1Hf),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ChatMl => "chatml",
            Self::MiniMaxM1Vllm => "minimax_m1",
            Self::MiniMaxM1Hf => "minimax_m1_hf",
        }
    }

    /// What comes before the first turn.
    pub fn begin(self) -> Vec<Piece> {
        match self {
            Self::ChatMl => Vec::new(),
            Self::MiniMaxM1Vllm | Self::MiniMaxM1Hf => vec![Piece::Special("<begin_of_document>")],
        }
    }

    /// What opens a turn; its text follows.
    pub fn open(self, role: Role) -> Vec<Piece> {
        let (token, head) = match (self, role) {
            (Self::ChatMl, Role::System) => ("<|im_start|>", "system\n"),
            (Self::ChatMl, Role::User) => ("<|im_start|>", "user\n"),
            (Self::ChatMl, Role::Assistant) => ("<|im_start|>", "assistant\n"),
            (Self::MiniMaxM1Vllm, Role::System) => ("<beginning_of_sentence>", "system ai_setting=MiniMax AI\n"),
            (Self::MiniMaxM1Hf, Role::System) => ("<beginning_of_sentence>", "system ai_setting=assistant\n"),
            (_, Role::User) => ("<beginning_of_sentence>", "user name=user\n"),
            (Self::MiniMaxM1Vllm, Role::Assistant) => ("<beginning_of_sentence>", "ai name=MiniMax AI\n"),
            (Self::MiniMaxM1Hf, Role::Assistant) => ("<beginning_of_sentence>", "ai name=assistant\n"),
        };
        vec![Piece::Special(token), Piece::Text(head.to_string())]
    }

    /// What closes a turn.
    pub fn close(self) -> Vec<Piece> {
        let token = match self {
            Self::ChatMl => "<|im_end|>",
            Self::MiniMaxM1Vllm | Self::MiniMaxM1Hf => "<end_of_sentence>",
        };
        vec![Piece::Special(token), Piece::Text("\n".to_string())]
    }

    /// A whole conversation, the assistant's turn opened at its end.
    pub fn render(self, turns: &[(Role, &str)]) -> Vec<Piece> {
        let mut out = self.begin();
        for (role, text) in turns {
            out.extend(self.open(*role));
            out.push(Piece::Text((*text).to_string()));
            out.extend(self.close());
        }
        out.extend(self.open(Role::Assistant));
        join(out)
    }
}

/// Joins neighbouring texts, so that they are tokenised as one.
pub fn join(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (out.last_mut(), piece) {
            (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
            (_, piece) => out.push(piece),
        }
    }
    out
}

/// Parts a model's answer into thinking and answer: M1 writes `<think>...</think>` as plain text at the start.
pub fn split_thinking(text: &str) -> (&str, &str) {
    let trimmed = text.trim_start();
    let Some(inside) = trimmed.strip_prefix("<think>") else { return ("", text) };
    match inside.split_once("</think>") {
        Some((thinking, answer)) => (thinking.trim(), answer.trim_start()),
        None => (inside.trim(), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(pieces: &[Piece]) -> String {
        pieces
            .iter()
            .map(|p| match p {
                Piece::Special(s) => (*s).to_string(),
                Piece::Text(t) => t.clone(),
            })
            .collect()
    }

    #[test]
    fn templates_render_as_published() {
        let turns = [(Role::System, "S"), (Role::User, "U")];
        assert_eq!(
            flat(&ChatTemplate::ChatMl.render(&turns)),
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"
        );
        assert_eq!(
            flat(&ChatTemplate::MiniMaxM1Vllm.render(&turns)),
            "<begin_of_document><beginning_of_sentence>system ai_setting=MiniMax AI\nS<end_of_sentence>\n\
             <beginning_of_sentence>user name=user\nU<end_of_sentence>\n<beginning_of_sentence>ai name=MiniMax AI\n"
        );
        for template in [ChatTemplate::ChatMl, ChatTemplate::MiniMaxM1Vllm, ChatTemplate::MiniMaxM1Hf] {
            assert_eq!(ChatTemplate::by_name(template.name()), Some(template));
        }
    }

    #[test]
    fn thinking_is_parted_from_the_answer() {
        assert_eq!(split_thinking("<think>\nhm\n</think>\n\nYes"), ("hm", "Yes"));
        assert_eq!(split_thinking("Yes"), ("", "Yes"));
        assert_eq!(split_thinking("<think>cut"), ("cut", ""));
    }
}
