//! Shared parts of the operations' autodiff: recording a step, and registering gradients.

use std::fmt::{self, Debug};

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, NodeGuard, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend};

/// A backward pass: turns the recorded state and the output's gradient into the parents' gradients. The flags say which
/// parents want theirs.
type Derive<B, S, const N: usize> = fn(S, FloatTensor<B>, [bool; N]) -> [Option<FloatTensor<B>>; N];

struct Step<B: Backend, S, const N: usize>(Derive<B, S, N>);

impl<B: Backend, S, const N: usize> Debug for Step<B, S, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<S>())
    }
}

impl<B: Backend, S: Clone + Debug + Send + 'static, const N: usize> Backward<B, N> for Step<B, S, N> {
    type State = S;

    fn backward(self, ops: Ops<S, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let wanted = ops.parents.each_ref().map(Option::is_some);
        for (parent, gradient) in ops.parents.into_iter().zip(self.0(ops.state, gradient, wanted)) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

/// The output of `forward` as a tensor of autodiff. If a parent in `nodes` wants a gradient, it is recorded with the
/// state that `forward` keeps; `forward`'s argument says whether to keep it.
pub(crate) fn record<B: Backend, C: CheckpointStrategy, S: Clone + Debug + Send + 'static, const N: usize>(
    nodes: [NodeGuard; N],
    forward: impl FnOnce(bool) -> (FloatTensor<B>, Option<S>),
    backward: Derive<B, S, N>,
) -> FloatTensor<Autodiff<B, C>> {
    match Step(backward).prepare::<C>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let (output, kept) = forward(true);
            prep.finish(kept.expect("a recorded pass keeps what its backward pass needs"), output)
        }
        OpsKind::UnTracked(prep) => prep.finish(forward(false).0),
    }
}
