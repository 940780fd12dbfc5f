//! The one generator of a workspace: made when first needed, kept between tasks, ended when idle.

use super::{Fit, FitError, MakeGenerator, Workspace};
use crate::generate::{GenerateError, Generator, ModelCard};
use crate::reading::available_tokens;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// A model that nobody asked for this long is ended: its memory is worth more than the seconds of loading it.
const IDLE: Duration = Duration::from_secs(600);

/// Holds the generator, and whoever uses it.
pub(super) struct Slot {
    make: MakeGenerator,
    held: Mutex<Option<Box<dyn Generator>>>,
    card: Mutex<Option<ModelCard>>,
    uses: AtomicU64,
}

impl Slot {
    pub(super) fn new(make: MakeGenerator) -> Self {
        Self { make, held: Mutex::new(None), card: Mutex::new(None), uses: AtomicU64::new(0) }
    }

    /// Uses the generator; callers wait for one another. Blocks.
    pub(super) fn with<T>(&self, use_it: impl FnOnce(&mut dyn Generator) -> T) -> Result<T, GenerateError> {
        let mut held = self.lock();
        let generator = match &mut *held {
            Some(generator) => generator,
            empty => empty.insert((self.make)()?),
        };
        *self.card.lock().unwrap_or_else(PoisonError::into_inner) = Some(generator.card().clone());
        let result = use_it(generator.as_mut());
        self.uses.fetch_add(1, Ordering::SeqCst);
        Ok(result)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<dyn Generator>>> {
        self.held.lock().unwrap_or_else(|poisoned| {
            // It panicked in use: nobody knows what it holds.
            let mut held = poisoned.into_inner();
            *held = None;
            self.held.clear_poison();
            held
        })
    }

    /// Ends the generator, waiting for its user. Blocks.
    pub(super) fn release(&self) {
        *self.lock() = None;
    }

    /// Ends the generator if nobody uses it.
    pub(super) fn release_if_idle(&self) {
        match self.held.try_lock() {
            Ok(mut held) => *held = None,
            Err(TryLockError::Poisoned(_)) => self.release(),
            Err(TryLockError::WouldBlock) => {}
        }
    }
}

impl Workspace {
    /// The model's card. Starts the model the first time.
    pub async fn model_card(&self) -> Result<ModelCard, GenerateError> {
        let known = self.inner.model.card.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(card) => Ok(card),
            None => self.with_generator(|generator| generator.card().clone()).await,
        }
    }

    /// Counts a document's tokens and compares with what the model holds. The estimate of memory is weights and state.
    pub async fn fit(&self, document: super::DocumentId) -> Result<Fit, FitError> {
        let text = self.text(document).await?;
        let counted = self.with_generator(move |generator| {
            let tokens = generator.count_tokens(&text.text)?;
            Ok::<_, GenerateError>((tokens, generator.card().clone()))
        });
        let (tokens, card) = counted.await??;
        let state = card.state_bytes_fixed + tokens as u64 * card.state_bytes_per_token;
        Ok(Fit {
            tokens,
            context: card.context_length,
            fits: tokens <= available_tokens(&card),
            memory_estimate_bytes: card.weights_bytes + state,
        })
    }

    async fn with_generator<T: Send + 'static>(
        &self,
        use_it: impl FnOnce(&mut dyn Generator) -> T + Send + 'static,
    ) -> Result<T, GenerateError> {
        let used = self.blocking(move |w| w.inner.model.with(use_it)).await;
        self.end_model_when_idle();
        used.map_err(|error| GenerateError::Model { reason: error.to_string() })?
    }

    /// Ends the model if it is not used again for a while.
    pub(super) fn end_model_when_idle(&self) {
        let uses = self.inner.model.uses.load(Ordering::SeqCst);
        let workspace = std::sync::Arc::downgrade(&self.inner);
        tokio::spawn(async move {
            tokio::time::sleep(IDLE).await;
            let Some(inner) = workspace.upgrade() else { return };
            if inner.model.uses.load(Ordering::SeqCst) == uses {
                let _ = tokio::task::spawn_blocking(move || inner.model.release_if_idle()).await;
            }
        });
    }
}
