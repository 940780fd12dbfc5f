//! Speculation from what was read: where an answer repeats its text, the next tokens are likely those that follow there.
//!
//! Drafted tokens are fed together with the last chosen one and each is then chosen as if it had been fed alone. What a
//! model makes of a few tokens does not depend on how many are fed at once (up to [`FEW`]), so an answer is the same to the last
//! bit; it only comes sooner, since the weights are read once for several tokens.

use super::SessionError;
use crate::layers::FEW_ROWS;
use crate::model::{Model, Want};
use crate::state::State;

/// Tokens that must agree before the text is followed.
const TAIL: usize = 3;
/// Most tokens fed at once while speculating: as many as every layer computes one by one.
pub(crate) const FEW: usize = FEW_ROWS;

/// Tokens that were read, found by any [`TAIL`] of them.
#[derive(Debug)]
pub struct Lookup {
    ids: Vec<u32>,
    /// Places that have [`TAIL`] tokens before them, in the order of those tokens.
    order: Vec<u32>,
}

impl Lookup {
    /// Of the tokens of a document; at most 2^32 of them are found.
    #[must_use]
    pub fn new(ids: &[u32]) -> Lookup {
        let last = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let mut order: Vec<u32> = (TAIL as u32..last).collect();
        order.sort_unstable_by_key(|place| (&ids[*place as usize - TAIL..*place as usize], *place));
        Lookup { ids: ids.to_vec(), order }
    }

    /// The place after `tail`, its last [`TAIL`] tokens: `followed` if it is such a place, else the first.
    fn after(&self, tail: &[u32], followed: Option<usize>) -> Option<usize> {
        let tail = tail.get(tail.len().checked_sub(TAIL)?..)?;
        let before = |place: usize| place.checked_sub(TAIL).and_then(|from| self.ids.get(from..place));
        if let Some(place) = followed.filter(|place| before(*place) == Some(tail)) {
            return Some(place);
        }
        let first = self.order.partition_point(|place| before(*place as usize) < Some(tail));
        let place = *self.order.get(first)? as usize;
        (before(place) == Some(tail)).then_some(place)
    }
}

/// Tokens fed at once, of which some are confirmed.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// The state before `fed`, where not all of it is confirmed.
    before: Option<State>,
    fed: Vec<u32>,
    /// Logits after each of `fed`, `[fed, V]`.
    rows: Vec<f32>,
    confirmed: usize,
    /// The answer's tokens.
    answer: Vec<u32>,
    /// A place in the text and how long the answer was when it came there.
    followed: Option<(usize, usize)>,
    /// Drafted tokens that were confirmed.
    pub(super) accepted: usize,
}

/// What [`Ahead`] works on: a session's own parts.
pub(super) struct Parts<'a> {
    pub(super) model: &'a Model,
    pub(super) state: &'a mut State,
    pub(super) logits: &'a mut Vec<f32>,
    pub(super) lookup: Option<&'a Lookup>,
}

impl Ahead {
    /// Takes the next tokens of the answer and brings logits and state after them.
    pub(super) fn take(&mut self, ids: &[u32], parts: &mut Parts<'_>) -> Result<(), SessionError> {
        self.answer.extend_from_slice(ids);
        let mut rest = ids;
        // More tokens than these would be computed otherwise if they were fed by themselves.
        while rest.len() <= FEW
            && let Some((id, later)) = rest.split_first()
            && self.fed.get(self.confirmed) == Some(id)
        {
            self.confirmed += 1;
            self.accepted += 1;
            rest = later;
        }
        if rest.is_empty() {
            let vocab = parts.model.config().vocab_size;
            let row = self.rows.chunks_exact(vocab).nth(self.confirmed - 1).unwrap_or_default();
            parts.logits.clear();
            parts.logits.extend_from_slice(row);
            return Ok(());
        }
        let mut pending = self.withdraw(parts);
        if pending.len() + rest.len() > FEW && !pending.is_empty() {
            parts.model.forward(&pending, parts.state, Want::None)?;
            pending.clear();
        }
        pending.extend_from_slice(rest);
        self.feed(pending, parts)
    }

    /// Tokens in the state that are not the answer's (yet).
    pub(super) fn unconfirmed(&self) -> usize {
        self.fed.len() - self.confirmed
    }

    /// Leaves the state after what is confirmed and nothing else.
    pub(super) fn settle(&mut self, parts: &mut Parts<'_>) -> Result<(), SessionError> {
        let pending = self.withdraw(parts);
        if !pending.is_empty() {
            *parts.logits = parts.model.forward(&pending, parts.state, Want::Last)?.values;
        }
        Ok(())
    }

    /// Goes back to the state before what was fed, unless all of it is confirmed; returns what is to be fed again.
    fn withdraw(&mut self, parts: &mut Parts<'_>) -> Vec<u32> {
        let mut fed = std::mem::take(&mut self.fed);
        fed.truncate(self.confirmed);
        match self.before.take() {
            Some(before) if self.confirmed * parts.model.config().vocab_size < self.rows.len() => {
                *parts.state = before;
                fed
            }
            _ => Vec::new(),
        }
    }

    fn feed(&mut self, mut tokens: Vec<u32>, parts: &mut Parts<'_>) -> Result<(), SessionError> {
        let sure = tokens.len();
        let room = parts.model.config().context_length.saturating_sub(parts.state.positions() + sure);
        let written = self.answer.len();
        let on = self.followed.map(|(place, then)| place + written - then);
        let place = parts.lookup.and_then(|lookup| lookup.after(&self.answer, on));
        self.followed = place.map(|place| (place, written));
        if let (Some(lookup), Some(place)) = (parts.lookup, place) {
            let count = FEW.saturating_sub(sure).min(room);
            tokens.extend(lookup.ids[place..].iter().take(count));
        }
        self.confirmed = sure;
        if tokens.len() == sure {
            (self.fed, self.rows, self.before) = (Vec::new(), Vec::new(), None);
            self.confirmed = 0;
            *parts.logits = parts.model.forward(&tokens, parts.state, Want::Last)?.values;
            return Ok(());
        }
        self.before = Some(parts.state.clone());
        self.rows = parts.model.forward(&tokens, parts.state, Want::All)?.values;
        self.fed = tokens;
        let vocab = parts.model.config().vocab_size;
        *parts.logits = self.rows.chunks_exact(vocab).nth(sure - 1).unwrap_or_default().to_vec();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_place_is_found_where_the_tail_stands_and_nowhere_else(
            ids in proptest::collection::vec(0u32..4, 0..80), tail in proptest::collection::vec(0u32..4, 0..6),
            followed in proptest::option::of(0usize..90),
        ) {
            let lookup = Lookup::new(&ids);
            let places: Vec<usize> = (TAIL..ids.len())
                .filter(|p| tail.len() >= TAIL && ids[p - TAIL..*p] == tail[tail.len() - TAIL..])
                .collect();
            let found = lookup.after(&tail, followed);
            match followed.filter(|f| places.contains(f)) {
                Some(followed) => prop_assert_eq!(found, Some(followed)),
                // The text's end is a place nothing follows.
                None if found == Some(ids.len()) => {}
                None => prop_assert_eq!(found, places.first().copied()),
            }
        }
    }
}
