//! The parts every layer is made of: linear maps, the RMS norm, the gated MLP, and access to a tensor's values.

mod beside;
pub(crate) mod kernels;
pub(crate) mod strips;

use std::cell::RefCell;

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Module, Result, Storage, Tensor};
use rayon::prelude::*;

pub(crate) use beside::Beside;

use crate::quant::{Activation, Activations, Expert, Packed, experts, multiply_all};

/// Rows up to which reading each weight once beats a blocked matrix product. Up to here each row is computed as it is by
/// itself; speculation depends on it.
pub(crate) const FEW_ROWS: usize = 6;

/// Rows of an embedding that one task widens.
const ROWS_PER_TASK: usize = 32;

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

/// `x W^T` without bias; with an adapter beside it `x W^T + (x A^T) B^T`.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Weight,
    inner: usize,
    columns: usize,
    beside: Option<Box<Beside>>,
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
        Ok(Linear { weight: Weight::Dense { weight, turned }, inner, columns, beside: None })
    }

    /// From a quantised weight.
    #[must_use]
    pub fn packed(weight: Packed) -> Linear {
        Linear { inner: weight.inputs(), columns: weight.outputs(), weight: Weight::Packed(weight), beside: None }
    }

    /// The same with what an adapter adds, which is of the same widths.
    pub(crate) fn beside(self, beside: Beside) -> Linear {
        Linear { beside: Some(Box::new(beside)), ..self }
    }

    /// The weight, where it is quantised and all there is.
    #[must_use]
    pub fn as_packed(&self) -> Option<&Packed> {
        match &self.weight {
            Weight::Packed(weight) if self.beside.is_none() => Some(weight),
            _ => None,
        }
    }

    /// `[T, K]` to `[T, N]`.
    ///
    /// # Errors
    /// `x` has another shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [out] = Linear::forward_all([(self, Activation::Identity)], x)?;
        Ok(out)
    }

    /// What several maps make of the same `x`, each with an activation: `x` is rounded once for all that are quantised,
    /// and threads meet once.
    ///
    /// # Errors
    /// `x` has another shape.
    pub fn forward_all<const M: usize>(maps: [(&Linear, Activation); M], x: &Tensor) -> Result<[Tensor; M]> {
        let (rows, inner) = x.dims2()?;
        if let Some((map, _)) = maps.iter().find(|(map, _)| map.inner != inner) {
            candle_core::bail!("a linear map of {} inputs was given {inner}", map.inner);
        }
        let packed: Vec<(&Packed, Activation)> = maps.iter().filter_map(|(map, a)| map.at_once(*a)).collect();
        let mut made = if packed.is_empty() {
            Vec::new()
        } else {
            with_values(x, |x| multiply_all(&Activations::quantize(x, inner), &packed))?
        }
        .into_iter();
        let mut out = Vec::with_capacity(M);
        for (map, activation) in maps {
            let product = match &map.weight {
                Weight::Dense { weight, turned } => map.dense(x, weight, turned)?,
                Weight::Packed(_) => {
                    let made = made.next().unwrap_or_default(); // one for each packed map
                    Tensor::from_vec(made, (rows, map.columns), x.device())?
                }
            };
            if let Some(beside) = &map.beside {
                // Of `x` itself, not of what is rounded: it weighs little and was trained so.
                beside.add(x, &product)?;
            }
            let is_activated = matches!(map.at_once(activation), Some((_, made)) if made == activation);
            if activation == Activation::Silu && !is_activated {
                modify(&product, |values| kernels::map(values, kernels::silu))?;
            }
            out.push(product);
        }
        match out.try_into() {
            Ok(out) => Ok(out),
            Err(_) => candle_core::bail!("{M} maps made another number of results"),
        }
    }

    /// The weight, where it is quantised, and which activation its product can make: none where something is added first.
    fn at_once(&self, activation: Activation) -> Option<(&Packed, Activation)> {
        match &self.weight {
            Weight::Packed(weight) if self.beside.is_some() => Some((weight, Activation::Identity)),
            Weight::Packed(weight) => Some((weight, activation)),
            Weight::Dense { .. } => None,
        }
    }

    fn dense(&self, x: &Tensor, weight: &Tensor, turned: &Tensor) -> Result<Tensor> {
        let (rows, inner) = x.dims2()?;
        if rows > FEW_ROWS {
            return x.matmul(turned);
        }
        let mut out = vec![0f32; rows * self.columns];
        with_values(x, |x| with_values(weight, |weight| kernels::few_rows(x, weight, inner, &mut out)))??;
        Tensor::from_vec(out, (rows, self.columns), x.device())
    }
}

/// Looks rows of a table `[V, C]` up. The table may be the head as well.
#[derive(Clone, Debug)]
pub struct Embedding(Linear);

impl Embedding {
    /// From its table.
    #[must_use]
    pub fn new(table: Linear) -> Embedding {
        Embedding(table)
    }

    /// `[T, C]`.
    ///
    /// # Errors
    /// A token is not in the table.
    pub fn forward(&self, tokens: &[u32]) -> Result<Tensor> {
        match &self.0.weight {
            Weight::Dense { weight, .. } => candle_nn::Embedding::new(weight.clone(), self.0.inner)
                .forward(&Tensor::from_slice(tokens, tokens.len(), &Device::Cpu)?),
            Weight::Packed(table) => {
                if let Some(token) = tokens.iter().find(|t| **t as usize >= table.outputs()) {
                    candle_core::bail!("token {token} is not in a table of {}", table.outputs());
                }
                let mut values = vec![0f32; tokens.len() * table.inputs()];
                let rows = values.par_chunks_mut(table.inputs()).zip(tokens).with_min_len(ROWS_PER_TASK);
                rows.for_each(|(row, token)| row.copy_from_slice(&table.row(*token as usize)));
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
        let (rows, width) = x.dims2()?;
        if width != self.weight.elem_count() {
            candle_core::bail!("a norm over {} values was given {width}", self.weight.elem_count());
        }
        let mut out = vec![0f32; rows * width];
        with_values(x, |x| with_values(&self.weight, |weight| kernels::rms_norm(x, weight, self.eps, &mut out)))??;
        Tensor::from_vec(out, (rows, width), x.device())
    }
}

/// `down( SiLU(gate x) .* up x )`: one expert (w1, w3, w2 in the checkpoint) or the shared expert.
#[derive(Clone, Debug)]
pub enum GatedMlp {
    /// Map by map.
    Dense {
        /// `[I, C]`.
        gate: Linear,
        /// `[I, C]`.
        up: Linear,
        /// `[C, I]`.
        down: Linear,
    },
    /// All three quantised, gate and up made together.
    Packed(Expert),
}

impl GatedMlp {
    /// From `gate`, `up` `[I, C]` and `down` `[C, I]`.
    #[must_use]
    pub fn new(gate: Linear, up: Linear, down: Linear) -> GatedMlp {
        let packed = || {
            let [gate, up, down] = [&gate, &up, &down].map(|map| map.as_packed().cloned());
            Expert::new(gate?, up?, down?)
        };
        packed().map_or_else(|| GatedMlp::Dense { gate, up, down }, GatedMlp::Packed)
    }

    /// The weights, where all of them are quantised.
    #[must_use]
    pub fn as_packed(&self) -> Option<&Expert> {
        match self {
            GatedMlp::Dense { .. } => None,
            GatedMlp::Packed(expert) => Some(expert),
        }
    }

    /// `[T, C]` to `[T, C]`.
    ///
    /// # Errors
    /// `x` has another shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (rows, width) = x.dims2()?;
        match self {
            GatedMlp::Dense { gate, up, down } => {
                let gated = gate.forward(x)?;
                multiply_activated(&gated, &up.forward(x)?, kernels::silu)?;
                down.forward(&gated)
            }
            GatedMlp::Packed(expert) if width == expert.width() => {
                let all = (0..rows).map(|t| (t, 1.0)).collect();
                let out = with_values(x, |x| experts(&Activations::quantize(x, width), &[expert], &[all]))?;
                Tensor::from_vec(out, (rows, width), x.device())
            }
            GatedMlp::Packed(expert) => candle_core::bail!("an expert of {} inputs was given {width}", expert.width()),
        }
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

#[cfg(test)]
#[path = "../tests/golden/tolerances.rs"]
#[allow(dead_code, reason = "the one table of tolerances, of which this needs a row")]
mod tolerances;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quant::Scheme;

    fn noise(count: usize, seed: u32) -> Vec<f32> {
        let step = |n: u32| n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let values = std::iter::successors(Some(step(seed)), |n| Some(step(*n)));
        values.map(|n| (n >> 8) as f32 / (1 << 23) as f32 - 1.0).take(count).collect()
    }

    /// `x (up down)^T` in plain loops and f64: what is beside a map adds this.
    fn naive(x: &[f32], down: &[f32], up: &[f32], inner: usize, rank: usize) -> Vec<f32> {
        let mut out = Vec::new();
        for x in x.chunks_exact(inner) {
            for up in up.chunks_exact(rank) {
                let sum = up.iter().zip(down.chunks_exact(inner)).map(|(&u, down)| {
                    f64::from(u) * x.iter().zip(down).map(|(&x, &d)| f64::from(x) * f64::from(d)).sum::<f64>()
                });
                out.push(sum.sum::<f64>() as f32);
            }
        }
        out
    }

    #[test]
    fn a_map_with_another_beside_it_is_the_sum_of_both() {
        let (outputs, inner, rank) = (48 + 7, 64, 5);
        let [weight, down, up] =
            [outputs * inner, rank * inner, outputs * rank].map(|count| noise(count, count as u32));
        let tensor = |values: &[f32], rows: usize, width: usize| {
            Tensor::from_slice(values, (rows, width), &Device::Cpu).unwrap()
        };
        let dense = Linear::new(tensor(&weight, outputs, inner)).unwrap();
        let packed = |scheme| Linear::packed(Packed::quantize(&weight, inner, scheme));
        for bare in [dense, packed(Scheme::Q8_0), packed(Scheme::Q4K)] {
            let beside = Beside::new(tensor(&down, rank, inner), &tensor(&up, outputs, rank)).unwrap();
            let adapted = bare.clone().beside(beside);
            for rows in [1, 2, FEW_ROWS, FEW_ROWS + 1, 131] {
                let x = noise(rows * inner, rows as u32);
                let of = |map: &Linear| to_values(&map.forward(&tensor(&x, rows, inner)).unwrap()).unwrap();
                let added = naive(&x, &down, &up, inner, rank);
                let wanted: Vec<f32> = of(&bare).iter().zip(&added).map(|(w, a)| w + a).collect();
                let largest = wanted.iter().fold(0f32, |m, v| m.max(v.abs()));
                for (found, wanted) in of(&adapted).iter().zip(&wanted) {
                    assert!((found - wanted).abs() <= tolerances::TWINS * largest, "{rows} rows: {found} for {wanted}");
                }
            }
        }
    }
}
