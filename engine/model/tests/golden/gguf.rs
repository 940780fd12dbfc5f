//! Random models written as GGUF files of the architecture `minimax-01`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

use super::random::Widths;

/// The name that llama.cpp has for a tensor of the release, and which expert's part it is.
fn gguf_name(name: &str) -> (String, Option<usize>) {
    let whole = |name: &str| (name.to_owned(), None);
    match name {
        "model.embed_tokens.weight" => return whole("token_embd.weight"),
        "model.norm.weight" => return whole("output_norm.weight"),
        "lm_head.weight" => return whole("output.weight"),
        _ => {}
    }
    let parts: Vec<&str> = name.split('.').collect();
    let part = match parts[3..] {
        ["input_layernorm", _] => "attn_norm",
        ["post_attention_layernorm", _] => "ffn_norm",
        ["self_attn", "qkv_proj", _] => "attn_qkv",
        ["self_attn", "output_gate", _] => "attn_gate",
        ["self_attn", "norm", _] => "attn_norm_2",
        ["self_attn", "out_proj" | "o_proj", _] => "attn_output",
        ["self_attn", "q_proj", _] => "attn_q",
        ["self_attn", "k_proj", _] => "attn_k",
        ["self_attn", "v_proj", _] => "attn_v",
        ["block_sparse_moe", "gate", _] => "ffn_gate_inp",
        ["block_sparse_moe", "experts", expert, which, _] => {
            let part = match which {
                "w1" => "ffn_gate_exps",
                "w2" => "ffn_down_exps",
                _ => "ffn_up_exps",
            };
            return (format!("blk.{}.{part}.weight", parts[2]), expert.parse().ok());
        }
        _ => panic!("{name}"),
    };
    whole(&format!("blk.{}.{part}.weight", parts[2]))
}

/// What such a file says beside its tensors, for a random model of these widths.
pub(crate) fn metadata(widths: Widths) -> Vec<(&'static str, Value)> {
    // A byte of each kind, so that the vocabulary is a tokenizer; the last two are special and unused.
    let mut tokens: Vec<Value> = ('!'..='~').map(|c| Value::String(c.to_string())).collect();
    tokens.extend(["th", "<end_of_sentence>", "[PAD96]"].map(|t| Value::String(t.to_owned())));
    let mut types = vec![Value::I32(1); tokens.len()];
    let count = types.len();
    (types[count - 2], types[count - 1]) = (Value::I32(3), Value::I32(5));
    let lightning = [true, false, true, true].map(Value::Bool).to_vec();
    vec![
        ("general.architecture", Value::String("minimax-01".to_owned())),
        ("minimax-01.block_count", Value::U32(4)),
        ("minimax-01.context_length", Value::U32(4096)),
        ("minimax-01.embedding_length", Value::U32(widths.hidden as u32)),
        ("minimax-01.feed_forward_length", Value::U32(widths.inner as u32)),
        ("minimax-01.attention.head_count", Value::U32(4)),
        ("minimax-01.attention.head_count_kv", Value::U32(2)),
        ("minimax-01.attention.key_length", Value::U32(widths.dim as u32)),
        ("minimax-01.attention.value_length", Value::U32(widths.dim as u32)),
        ("minimax-01.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("minimax-01.attention.recurrent_layers", Value::Array(lightning)),
        ("minimax-01.rope.freq_base", Value::F32(10_000.0)),
        ("minimax-01.rope.dimension_count", Value::U32(16)),
        ("minimax-01.expert_count", Value::U32(4)),
        ("minimax-01.expert_used_count", Value::U32(2)),
        ("minimax-01.residual_scale", Value::F32(1.5)),
        ("tokenizer.ggml.model", Value::String("gpt2".to_owned())),
        ("tokenizer.ggml.pre", Value::String("minimax-m2".to_owned())),
        ("tokenizer.ggml.tokens", Value::Array(tokens)),
        ("tokenizer.ggml.token_type", Value::Array(types)),
        ("tokenizer.ggml.merges", Value::Array(vec![Value::String("t h".to_owned())])),
        ("tokenizer.ggml.eos_token_id", Value::U32(count as u32 - 2)),
    ]
}

/// Writes the model of `folder` as GGUF in one type, and over the weights of `folder` what that type made of them.
pub(crate) fn write_gguf(folder: &Path, file: &Path, kind: GgmlDType, metadata: &[(&str, Value)]) {
    let safetensors = folder.join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&safetensors, &Device::Cpu).unwrap();
    let mut stacks: BTreeMap<String, Vec<(usize, String, Tensor)>> = BTreeMap::new();
    for (name, tensor) in &tensors {
        let (gguf, expert) = gguf_name(name);
        stacks.entry(gguf).or_default().push((expert.unwrap_or(0), name.clone(), tensor.clone()));
    }
    let mut written = Vec::new();
    for (gguf, mut parts) in stacks {
        parts.sort_by_key(|(expert, ..)| *expert);
        let kind = if gguf.contains("norm") || gguf.contains("gate_inp") { GgmlDType::F32 } else { kind };
        let stacked = gguf.ends_with("_exps.weight");
        let rows: Vec<Tensor> = parts.iter().map(|(.., tensor)| tensor.clone()).collect();
        let tensor = if stacked { Tensor::stack(&rows, 0).unwrap() } else { rows[0].clone() };
        let quantized = QTensor::quantize(&tensor, kind).unwrap();
        let rounded = quantized.dequantize(&Device::Cpu).unwrap();
        for (expert, name, _) in parts {
            tensors.insert(name, if stacked { rounded.get(expert).unwrap() } else { rounded.clone() });
        }
        written.push((gguf, quantized));
    }
    let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(key, value)| (*key, value)).collect();
    let written: Vec<(&str, &QTensor)> = written.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    gguf_file::write(&mut fs::File::create(file).unwrap(), &metadata, &written).unwrap();
    candle_core::safetensors::save(&tensors, &safetensors).unwrap();
}
