//! What all operations' parts of Burn's autodiff share: recording a step, and handing out gradients.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend};

/// The output as a tensor of autodiff, with `step` recorded if one of the parents `nodes` wants a gradient.
pub(crate) fn recorded<B: Backend, C: CheckpointStrategy, T: Backward<B, N>, const N: usize>(
    step: T,
    nodes: [NodeGuard; N],
    state: T::State,
    output: FloatTensor<B>,
) -> FloatTensor<Autodiff<B, C>> {
    match step.prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(state, output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    }
}

/// A step's backward pass: `act` turns its state and the gradient of its output into those of its parents,
/// each of which takes its own if it wants one. `act` is told which do.
pub(crate) fn derive<B: Backend, S, const N: usize>(
    ops: Ops<S, N>,
    grads: &mut Gradients,
    act: impl FnOnce(S, FloatTensor<B>, [bool; N]) -> [Option<FloatTensor<B>>; N],
) {
    let gradient = grads.consume::<B>(&ops.node);
    let wanted = ops.parents.each_ref().map(Option::is_some);
    for (parent, gradient) in ops.parents.into_iter().zip(act(ops.state, gradient, wanted)) {
        if let (Some(parent), Some(gradient)) = (parent, gradient) {
            grads.register::<B>(parent.id, gradient);
        }
    }
}
