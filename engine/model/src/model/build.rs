//! From named tensors to layers: the checkpoint layout of the MiniMaxAI releases (spec 1.6 a).

use super::Inner;
use crate::attention::Attention;
use crate::attention::lightning::{self, FixedDecay, LightningAttention};
use crate::attention::softmax::{Heads, SoftmaxAttention};
use crate::block::Block;
use crate::config::{AttentionKind, Config};
use crate::error::LoadError;
use crate::layers::{Embedding, GatedMlp, Linear, RmsNorm};
use crate::moe::{MixtureOfExperts, SharedExpert};
use crate::state::KvPrecision;
use crate::weights::Ledger;

/// Takes every tensor of the model out of the ledger.
pub(super) fn inner(
    config: Config,
    digest: String,
    precision: KvPrecision,
    ledger: &mut Ledger<'_>,
) -> Result<Inner, LoadError> {
    let (vocab, hidden) = (config.vocab_size, config.hidden_size);
    let table = linear(ledger, "model.embed_tokens.weight", vocab, hidden)?;
    let table_bytes = ledger.bytes();
    let embedding = Embedding::new(table.clone());
    // Before the layers: while a tensor is packed, its source is in memory too, and nothing is as large as this one.
    let head = if config.tie_word_embeddings { table } else { linear(ledger, "lm_head.weight", vocab, hidden)? };
    let blocks = config
        .attention
        .iter()
        .enumerate()
        .map(|(layer, &kind)| block(&config, layer, kind, ledger))
        .collect::<Result<_, _>>()?;
    let norm = norm(ledger, "model.norm.weight", hidden, config.rms_norm_eps)?;
    let experts = ledger.expert_bytes();
    let unused = experts - experts * config.num_experts_per_tok as u64 / config.num_local_experts as u64;
    // Of a table that is not the head as well, one row is read.
    let unread = if config.tie_word_embeddings { 0 } else { table_bytes };
    let bytes_per_token = ledger.bytes() - unused - unread;
    let weights_bytes = ledger.bytes();
    Ok(Inner { digest, precision, weights_bytes, bytes_per_token, embedding, blocks, norm, head, config })
}

fn linear(ledger: &mut Ledger<'_>, name: &str, rows: usize, columns: usize) -> Result<Linear, LoadError> {
    ledger.linear(name, [rows, columns])
}

fn norm(ledger: &mut Ledger<'_>, name: &str, width: usize, eps: f64) -> Result<RmsNorm, LoadError> {
    Ok(RmsNorm::new(ledger.take(name, &[width])?, eps))
}

fn block(config: &Config, layer: usize, kind: AttentionKind, ledger: &mut Ledger<'_>) -> Result<Block, LoadError> {
    let at = format!("model.layers.{layer}");
    let (hidden, eps) = (config.hidden_size, config.rms_norm_eps);
    let (attention, attention_mixing) = match kind {
        AttentionKind::Lightning => (Attention::Lightning(lightning(config, layer, ledger)?), config.linear_attention),
        AttentionKind::Softmax => (Attention::Softmax(softmax(config, &at, ledger)?), config.full_attention),
    };
    Ok(Block {
        input_norm: norm(ledger, &format!("{at}.input_layernorm.weight"), hidden, eps)?,
        attention,
        attention_mixing,
        post_attention_norm: norm(ledger, &format!("{at}.post_attention_layernorm.weight"), hidden, eps)?,
        moe: experts(config, &at, ledger)?,
        mlp_mixing: config.mlp,
        postnorm: config.postnorm,
    })
}

fn lightning(config: &Config, layer: usize, ledger: &mut Ledger<'_>) -> Result<LightningAttention, LoadError> {
    let at = format!("model.layers.{layer}.self_attn");
    let (hidden, wide) = (config.hidden_size, config.attention_width());
    Ok(LightningAttention::new(
        linear(ledger, &format!("{at}.qkv_proj.weight"), 3 * wide, hidden)?,
        linear(ledger, &format!("{at}.output_gate.weight"), wide, hidden)?,
        norm(ledger, &format!("{at}.norm.weight"), wide, config.linear_norm_eps)?,
        linear(ledger, &format!("{at}.out_proj.weight"), hidden, wide)?,
        FixedDecay::new(config.num_attention_heads, layer, config.num_hidden_layers(), lightning::BLOCK),
        config.head_dim,
    ))
}

fn softmax(config: &Config, at: &str, ledger: &mut Ledger<'_>) -> Result<SoftmaxAttention, LoadError> {
    let (hidden, wide, narrow) = (config.hidden_size, config.attention_width(), config.key_value_width());
    let heads =
        Heads { query: config.num_attention_heads, key_value: config.num_key_value_heads, dim: config.head_dim };
    Ok(SoftmaxAttention::new(
        linear(ledger, &format!("{at}.self_attn.q_proj.weight"), wide, hidden)?,
        linear(ledger, &format!("{at}.self_attn.k_proj.weight"), narrow, hidden)?,
        linear(ledger, &format!("{at}.self_attn.v_proj.weight"), narrow, hidden)?,
        linear(ledger, &format!("{at}.self_attn.o_proj.weight"), hidden, wide)?,
        heads,
    ))
}

fn experts(config: &Config, at: &str, ledger: &mut Ledger<'_>) -> Result<MixtureOfExperts, LoadError> {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let moe = format!("{at}.block_sparse_moe");
    let router = linear(ledger, &format!("{moe}.gate.weight"), config.num_local_experts, hidden)?;
    let mut experts = Vec::with_capacity(config.num_local_experts);
    for expert in 0..config.num_local_experts {
        let at = format!("{moe}.experts.{expert}");
        experts.push(GatedMlp::new(
            linear(ledger, &format!("{at}.w1.weight"), inner, hidden)?,
            linear(ledger, &format!("{at}.w3.weight"), inner, hidden)?,
            linear(ledger, &format!("{at}.w2.weight"), hidden, inner)?,
        ));
    }
    let shared = config.shared_intermediate_size.map(|inner| shared(hidden, inner, at, ledger)).transpose()?;
    Ok(MixtureOfExperts::new(router, experts, config.num_experts_per_tok, shared))
}

fn shared(hidden: usize, inner: usize, at: &str, ledger: &mut Ledger<'_>) -> Result<SharedExpert, LoadError> {
    let mlp = GatedMlp::new(
        linear(ledger, &format!("{at}.shared_mlp.gate_proj.weight"), inner, hidden)?,
        linear(ledger, &format!("{at}.shared_mlp.up_proj.weight"), inner, hidden)?,
        linear(ledger, &format!("{at}.shared_mlp.down_proj.weight"), hidden, inner)?,
    );
    Ok(SharedExpert::new(mlp, linear(ledger, &format!("{at}.coefficient.weight"), 1, hidden)?))
}
