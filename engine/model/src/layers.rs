//! The parts every layer is made of: linear maps, the RMS norm, the gated MLP, and access to a tensor's values.

pub(crate) mod kernels;

use std::cell::RefCell;

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Module, Result, Storage, Tensor};

use crate::quant::{Activations, Expert, Packed, multiply};

/// Rows up to which reading each weight once beats a blocked matrix product.
const FEW_ROWS: usize = 6;

/// Lends the values of a contiguous f32 tensor, row by row.
pub(crate) fn with_values<R>(tensor: &Tensor, read: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        candle_core::bail!("the tensor does not lie in main memory");
    };
    Ok(read(window(storage.as_slice::<f32>()?, layout)?))
}

fn window<'a>(values: &'a [f32], layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets().and_then(|(from, to)| values.get(from..to)) {
        Some(values) => Ok(values),
        None => candle_core::bail!("the tensor {:?} is not contiguous", layout.shape()),
    }
}

/// Copies the values of a tensor out, row by row.
pub(crate) fn to_values(tensor: &Tensor) -> Result<Vec<f32>> {
    with_values(&tensor.contiguous()?, <[f32]>::to_vec)
}

/// Changes the values of a contiguous f32 tensor in place. Views of the same storage see the change.
pub(crate) fn modify(tensor: &Tensor, change: impl FnOnce(&mut [f32])) -> Result<()> {
    struct Modify<F>(RefCell<Option<F>>);
    impl<F: FnOnce(&mut [f32])> InplaceOp1 for Modify<F> {
        fn name(&self) -> &'static str {
            "modify"
        }

        fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
            let CpuStorage::F32(values) = storage else {
                candle_core::bail!("the tensor is not of f32");
            };
            match (layout.contiguous_offsets(), self.0.take()) {
                (Some((from, to)), Some(change)) if to <= values.len() => change(&mut values[from..to]),
                _ => candle_core::bail!("the tensor {:?} is not contiguous", layout.shape()),
            }
            Ok(())
        }
    }
    tensor.inplace_op1(&Modify(RefCell::new(Some(change))))
}

/// `x W^T` without bias.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Weight,
    inner: usize,
    columns: usize,
}

#[derive(Clone, Debug)]
enum Weight {
    /// `[N, K]`, and the same turned.
    Dense { weight: Tensor, turned: Tensor },
    /// In few bits.
    Packed(Packed),
}

impl Linear {
    /// From a weight of shape `[N, K]`.
    ///
    /// # Errors
    /// `weight` has another rank.
    pub fn new(weight: Tensor) -> Result<Linear> {
        let (columns, inner) = weight.dims2()?;
        let turned = weight.t()?;
        Ok(Linear { weight: Weight::Dense { weight, turned }, inner, columns })
    }

    /// From a quantised weight.
    #[must_use]
    pub fn packed(weight: Packed) -> Linear {
        Linear { inner: weight.inputs(), columns: weight.outputs(), weight: Weight::Packed(weight) }
    }

    /// The weight, where it is quantised.
    #[must_use]
    pub fn as_packed(&self) -> Option<&Packed> {
        match &self.weight {
            Weight::Dense { .. } => None,
            Weight::Packed(weight) => Some(weight),
        }
    }

    /// The weight in f32, `[N, K]`; shared with this map where it is not quantised.
    ///
    /// # Errors
    /// The numeric library refused.
    pub fn to_tensor(&self) -> Result<Tensor> {
        match &self.weight {
            Weight::Dense { weight, .. } => Ok(weight.clone()),
            Weight::Packed(packed) => {
                let values = (0..self.columns).flat_map(|n| packed.row(n)).collect();
                Tensor::from_vec(values, (self.columns, self.inner), &Device::Cpu)
            }
        }
    }

    /// `[T, K]` to `[T, N]`.
    ///
    /// # Errors
    /// `x` has another shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (rows, inner) = x.dims2()?;
        if inner != self.inner {
            candle_core::bail!("a linear map of {} inputs was given {inner}", self.inner);
        }
        let out = match &self.weight {
            Weight::Dense { turned, .. } if rows > FEW_ROWS => return x.matmul(turned),
            Weight::Dense { weight, .. } => {
                let mut out = vec![0f32; rows * self.columns];
                with_values(x, |x| with_values(weight, |weight| kernels::few_rows(x, weight, inner, &mut out)))??;
                out
            }
            Weight::Packed(weight) => with_values(x, |x| multiply(&Activations::quantize(x, inner), weight))?,
        };
        Tensor::from_vec(out, (rows, self.columns), x.device())
    }
}

/// Rows of a table, `[V, C]`.
#[derive(Clone, Debug)]
pub enum Embedding {
    /// In f32.
    Dense(candle_nn::Embedding),
    /// In few bits.
    Packed(Packed),
}

impl Embedding {
    /// `[T, C]`.
    ///
    /// # Errors
    /// A token is not in the table.
    pub fn forward(&self, tokens: &[u32]) -> Result<Tensor> {
        match self {
            Embedding::Dense(table) => table.forward(&Tensor::from_slice(tokens, tokens.len(), &Device::Cpu)?),
            Embedding::Packed(table) => {
                if let Some(token) = tokens.iter().find(|t| **t as usize >= table.outputs()) {
                    candle_core::bail!("token {token} is not in a table of {}", table.outputs());
                }
                let values: Vec<f32> = tokens.iter().flat_map(|t| table.row(*t as usize)).collect();
                Tensor::from_vec(values, (tokens.len(), table.inputs()), &Device::Cpu)
            }
        }
    }
}

/// Root-mean-square norm over the last axis.
#[derive(Clone, Debug)]
pub struct RmsNorm {
    weight: Tensor,
    eps: f32,
}

impl RmsNorm {
    /// From a weight of shape `[N]`.
    #[must_use]
    pub fn new(weight: Tensor, eps: f64) -> RmsNorm {
        RmsNorm { weight, eps: eps as f32 }
    }

    /// `[T, N]` to `[T, N]`.
    ///
    /// # Errors
    /// `x` has another shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (_, width) = x.dims2()?;
        if width != self.weight.elem_count() {
            candle_core::bail!("a norm over {} values was given {width}", self.weight.elem_count());
        }
        candle_nn::ops::rms_norm(x, &self.weight, self.eps)
    }
}

/// `down( SiLU(gate x) .* up x )`: one expert (w1, w3, w2 in the checkpoint) or the shared expert.
#[derive(Clone, Debug)]
pub struct GatedMlp {
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl GatedMlp {
    /// From `gate`, `up` `[I, C]` and `down` `[C, I]`.
    #[must_use]
    pub fn new(gate: Linear, up: Linear, down: Linear) -> GatedMlp {
        GatedMlp { gate, up, down }
    }

    /// The same weights for products grouped by expert, where all of them are quantised.
    #[must_use]
    pub fn as_packed(&self) -> Option<Expert> {
        let [gate, up, down] = [&self.gate, &self.up, &self.down].map(|l| l.as_packed().cloned());
        Expert::new(gate?, up?, down?)
    }

    /// `[T, C]` to `[T, C]`.
    ///
    /// # Errors
    /// `x` has another shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let gated = self.gate.forward(x)?;
        let up = self.up.forward(x)?;
        multiply_activated(&gated, &up, kernels::silu)?;
        self.down.forward(&gated)
    }
}

/// `left = activation(left) .* right`, in place.
pub(crate) fn multiply_activated(left: &Tensor, right: &Tensor, activation: impl Fn(f32) -> f32 + Sync) -> Result<()> {
    with_values(right, |right| modify(left, |left| kernels::zip(left, right, |l, r| activation(l) * r)))?
}

/// `alpha * residual + beta * branch` (spec 1.2), written over `branch`.
pub(crate) fn mix(residual: &Tensor, branch: Tensor, alpha: f32, beta: f32) -> Result<Tensor> {
    with_values(residual, |residual| {
        modify(&branch, |branch| kernels::zip(branch, residual, |b, r| alpha * r + beta * b))
    })??;
    Ok(branch)
}
