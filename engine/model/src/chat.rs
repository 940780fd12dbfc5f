//! Chat templates: turns of a conversation as token ids. Structure is special tokens, content is text, and neither can
//! become the other.
//!
//! Spec section 1.7. A turn can be opened, filled in several steps and closed, so that a long text can be read into an
//! open turn and the state kept at that boundary.

use crate::tokenizer::{Tokenizer, TokenizerError};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Standing instructions.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

/// One finished turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said; always plain text.
    pub text: String,
}

/// How a model was taught to see a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChatTemplate {
    /// `<|im_start|>role\n...<|im_end|>\n` (SmolLM2, Qwen and others).
    ChatMl,
    /// MiniMax-M1 as vLLM's template writes it; the form that works (spec section 1.7).
    MiniMaxM1Vllm,
    /// MiniMax-M1 as the template in its own folder writes it.
    MiniMaxM1Hf,
}

const M1_BEGIN_DOCUMENT: &str = "<begin_of_document>";
const M1_BEGIN: &str = "<beginning_of_sentence>";
const M1_END: &str = "<end_of_sentence>";

impl ChatTemplate {
    /// The template named in `lectern.json`, or where it names none, the one whose special tokens the tokenizer has.
    /// `None` where neither helps.
    #[must_use]
    pub fn choose(name: Option<&str>, tokenizer: &Tokenizer) -> Option<ChatTemplate> {
        match name {
            Some("chatml") => Some(ChatTemplate::ChatMl),
            Some("minimax_m1" | "minimax_m1_vllm") => Some(ChatTemplate::MiniMaxM1Vllm),
            Some("minimax_m1_hf") => Some(ChatTemplate::MiniMaxM1Hf),
            Some(_) => None,
            None if tokenizer.special("<|im_start|>").is_some() => Some(ChatTemplate::ChatMl),
            None if tokenizer.special(M1_BEGIN).is_some() => Some(ChatTemplate::MiniMaxM1Vllm),
            None => None,
        }
    }

    /// Its name in `lectern.json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ChatTemplate::ChatMl => "chatml",
            ChatTemplate::MiniMaxM1Vllm => "minimax_m1",
            ChatTemplate::MiniMaxM1Hf => "minimax_m1_hf",
        }
    }

    /// What stands before the first turn.
    ///
    /// # Errors
    /// The tokenizer lacks a special token of the template.
    pub fn start(self, tokenizer: &Tokenizer) -> Result<Vec<u32>, TokenizerError> {
        match self {
            ChatTemplate::ChatMl => Ok(Vec::new()),
            ChatTemplate::MiniMaxM1Vllm | ChatTemplate::MiniMaxM1Hf => Ok(vec![tokenizer.require(M1_BEGIN_DOCUMENT)?]),
        }
    }

    /// Opens a turn; the text of the turn follows.
    ///
    /// # Errors
    /// As [`ChatTemplate::start`].
    pub fn open(self, tokenizer: &Tokenizer, role: Role) -> Result<Vec<u32>, TokenizerError> {
        let mut out = vec![tokenizer.require(if self == ChatTemplate::ChatMl { "<|im_start|>" } else { M1_BEGIN })?];
        out.extend(tokenizer.encode(self.header(role))?);
        Ok(out)
    }

    /// Closes a turn.
    ///
    /// # Errors
    /// As [`ChatTemplate::start`].
    pub fn close(self, tokenizer: &Tokenizer) -> Result<Vec<u32>, TokenizerError> {
        let mut out = vec![tokenizer.require(if self == ChatTemplate::ChatMl { "<|im_end|>" } else { M1_END })?];
        out.extend(tokenizer.encode("\n")?);
        Ok(out)
    }

    /// A whole conversation, and the opening of the model's turn after it.
    ///
    /// # Errors
    /// As [`ChatTemplate::start`].
    pub fn render(self, tokenizer: &Tokenizer, turns: &[Turn]) -> Result<Vec<u32>, TokenizerError> {
        let mut out = self.start(tokenizer)?;
        for turn in turns {
            out.extend(self.open(tokenizer, turn.role)?);
            out.extend(tokenizer.encode(&turn.text)?);
            out.extend(self.close(tokenizer)?);
        }
        out.extend(self.open(tokenizer, Role::Assistant)?);
        Ok(out)
    }

    fn header(self, role: Role) -> &'static str {
        match (self, role) {
            (ChatTemplate::ChatMl, Role::System) => "system\n",
            (ChatTemplate::ChatMl, Role::User) => "user\n",
            (ChatTemplate::ChatMl, Role::Assistant) => "assistant\n",
            (ChatTemplate::MiniMaxM1Vllm, Role::System) => "system ai_setting=MiniMax AI\n",
            (ChatTemplate::MiniMaxM1Hf, Role::System) => "system ai_setting=assistant\n",
            (_, Role::User) => "user name=user\n",
            (ChatTemplate::MiniMaxM1Vllm, Role::Assistant) => "ai name=MiniMax AI\n",
            (ChatTemplate::MiniMaxM1Hf, Role::Assistant) => "ai name=assistant\n",
        }
    }
}
