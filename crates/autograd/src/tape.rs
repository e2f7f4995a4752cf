//! The tape records values as they are computed and walks them backwards; a [`Var`] is the handle of a recorded value.

use std::cell::RefCell;
use std::fmt;
use std::hash::{DefaultHasher, Hasher};

use elbo_tensor::{Real, Shape, Tensor};

use crate::op::{AnyOp, Erased, Op};
use crate::params::{ParamId, Params};

/// Most arguments an operation has.
const MAX_ARITY: usize = 3;

/// What a recorded value came from.
enum Origin {
    /// Data, noise or a result of such: no gradient flows here.
    Constant,
    /// A leaf whose gradient is asked for.
    Variable,
    /// A parameter.
    Param(ParamId),
    /// An operation on earlier values.
    Op { op: Box<dyn AnyOp>, inputs: [u32; MAX_ARITY], arity: u8 },
}

struct Node {
    value: Tensor,
    origin: Origin,
}

impl Node {
    fn needs_gradient(&self) -> bool {
        !matches!(self.origin, Origin::Constant)
    }
}

thread_local! {
    /// Lists of nodes of earlier tapes, empty, for their memory.
    static SPARE: RefCell<Vec<Vec<Node>>> = const { RefCell::new(Vec::new()) };
}

/// The nodes of a tape, whose list goes to the next tape of this thread.
struct Recording(RefCell<Vec<Node>>);

impl Recording {
    fn new() -> Self {
        Self(RefCell::new(SPARE.with_borrow_mut(Vec::pop).unwrap_or_default()))
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let mut nodes = self.0.take();
        nodes.clear();
        // A thread that is ending has no list any more.
        let _ = SPARE.try_with(|spare| spare.borrow_mut().push(nodes));
    }
}

/// A recording of one computation over borrowed parameters.
pub struct Tape<'p> {
    params: &'p Params,
    nodes: Recording,
}

impl<'p> Tape<'p> {
    /// An empty recording.
    pub fn new(params: &'p Params) -> Self {
        Self { params, nodes: Recording::new() }
    }

    /// Data or noise: a value that needs no gradient.
    pub fn constant(&self, value: Tensor) -> Var<'_> {
        self.record(value, Origin::Constant)
    }

    /// A leaf whose gradient [`Grads::of`] returns.
    pub fn variable(&self, value: Tensor) -> Var<'_> {
        self.record(value, Origin::Variable)
    }

    /// A parameter.
    pub fn param(&self, id: ParamId) -> Var<'_> {
        self.record(self.params.get(id), Origin::Param(id))
    }

    fn record(&self, value: Tensor, origin: Origin) -> Var<'_> {
        let mut nodes = self.nodes.0.borrow_mut();
        nodes.push(Node { value, origin });
        Var { tape: self, id: nodes.len() as u32 - 1 }
    }

    fn with_value<R>(&self, id: u32, read: impl FnOnce(&Tensor) -> R) -> R {
        read(&self.nodes.0.borrow()[id as usize].value)
    }

    fn apply<const N: usize>(&self, op: impl Op<N>, arguments: [u32; N]) -> Var<'_> {
        let (value, needs) = {
            let nodes = self.nodes.0.borrow();
            let needs = arguments.iter().any(|&id| nodes[id as usize].needs_gradient());
            (op.forward(arguments.map(|id| &nodes[id as usize].value)), needs)
        };
        let mut inputs = [0; MAX_ARITY];
        inputs[..N].copy_from_slice(&arguments);
        let origin =
            if needs { Origin::Op { op: Box::new(Erased(op)), inputs, arity: N as u8 } } else { Origin::Constant };
        self.record(value, origin)
    }

    /// A hash of which values are positive behind the operations with a kink: two computations with the same pattern
    /// have no kink between them.
    pub(crate) fn pattern(&self) -> u64 {
        let mut hash = DefaultHasher::new();
        for node in self.nodes.0.borrow().iter() {
            if matches!(&node.origin, Origin::Op { op, .. } if op.has_kink()) {
                node.value.as_slice().iter().for_each(|&y| hash.write_u8(u8::from(y > 0.0)));
            }
        }
        hash.finish()
    }

    /// Where values first stopped being finite: the parameter last used on the way to the first such value. `None` if
    /// all are finite, or if data or noise was the first not to be.
    pub fn first_non_finite(&self) -> Option<ParamId> {
        let nodes = self.nodes.0.borrow();
        layer_of(&nodes, nodes.iter().position(|node| !node.value.is_finite())?)
    }

    /// Smallest argument and smallest value of every recorded operation whose name is `op`, such as `Softplus`, with
    /// the parameter last used on the way to it: what to watch where a value must stay positive.
    pub fn smallest_of(&self, op: &str) -> Vec<Smallest> {
        let nodes = self.nodes.0.borrow();
        let least = |x: &Tensor| {
            x.as_slice().iter().copied().fold(Real::INFINITY, |a, b| if a <= b || a.is_nan() { a } else { b })
        };
        let of = |at: usize| match &nodes[at].origin {
            Origin::Op { op: recorded, inputs, .. } if recorded.is_named(op) => Some(Smallest {
                layer: layer_of(&nodes, at)?,
                argument: least(&nodes[inputs[0] as usize].value),
                value: least(&nodes[at].value),
            }),
            _ => None,
        };
        (0..nodes.len()).filter_map(of).collect()
    }

    /// The gradient of the one-element `loss` with respect to every parameter and variable.
    ///
    /// # Panics
    /// If `loss` does not have exactly one element.
    #[track_caller]
    pub fn backward(&self, loss: Var<'_>) -> Grads {
        let nodes = self.nodes.0.borrow();
        let loss = loss.id as usize;
        let shape = nodes[loss].value.shape();
        assert_eq!(shape.size(), 1, "backward of shape {shape:?}: a loss has one element");
        let mut pending: Vec<Option<Tensor>> = vec![None; loss + 1];
        pending[loss] = Some(Tensor::full(shape, 1.0));
        let mut grads = Grads { params: vec![None; self.params.len()], variables: Vec::new() };

        for at in (0..=loss).rev() {
            let Some(dy) = pending[at].take() else { continue };
            let node = &nodes[at];
            match &node.origin {
                Origin::Constant => {}
                Origin::Variable => grads.variables.push((at as u32, dy)),
                Origin::Param(id) => accumulate(&mut grads.params[id.0], dy),
                Origin::Op { op, inputs, arity } => {
                    let inputs = &inputs[..usize::from(*arity)];
                    let mut x = [&node.value; MAX_ARITY];
                    for (x, &id) in x.iter_mut().zip(inputs) {
                        *x = &nodes[id as usize].value;
                    }
                    let x = &x[..inputs.len()];
                    let dy = op.common(&node.value, dy);
                    for (wrt, &id) in inputs.iter().enumerate() {
                        if nodes[id as usize].needs_gradient() {
                            let dx = op.vjp(wrt, x, &node.value, &dy);
                            accumulate(&mut pending[id as usize], dx.unbroadcast_to(x[wrt].shape()));
                        }
                    }
                }
            }
        }
        grads
    }
}

fn accumulate(slot: &mut Option<Tensor>, dx: Tensor) {
    *slot = Some(match slot.take() {
        None => dx,
        Some(sum) => sum.update(&dx, |a, b| a + b),
    });
}

/// The parameter last used on the way to the value number `at`.
fn layer_of(nodes: &[Node], mut at: usize) -> Option<ParamId> {
    loop {
        match &nodes[at].origin {
            Origin::Param(id) => return Some(*id),
            Origin::Op { inputs, arity, .. } => {
                let inputs = &inputs[..usize::from(*arity)];
                // Parameters are recorded just before the operation that uses them.
                at = inputs.iter().map(|&id| id as usize).filter(|&id| nodes[id].needs_gradient()).max()?;
            }
            Origin::Constant | Origin::Variable => return None,
        }
    }
}

/// The smallest numbers that an operation met: its argument and its value; NaN if there was one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Smallest {
    /// Parameter last used on the way to the operation.
    pub layer: ParamId,
    /// Smallest element of its first argument.
    pub argument: Real,
    /// Smallest element of its value.
    pub value: Real,
}

/// A value on a tape. Copying it copies a reference and a number.
#[derive(Clone, Copy)]
pub struct Var<'t> {
    tape: &'t Tape<'t>,
    id: u32,
}

impl<'t> Var<'t> {
    /// The tape this value is on.
    pub fn tape(self) -> &'t Tape<'t> {
        self.tape
    }

    /// The value, sharing the tape's memory.
    pub fn value(self) -> Tensor {
        self.tape.with_value(self.id, Tensor::clone)
    }

    /// The shape of the value.
    pub fn shape(self) -> Shape {
        self.tape.with_value(self.id, Tensor::shape)
    }

    /// The only element of a one-element value.
    #[track_caller]
    pub fn item(self) -> Real {
        self.tape.with_value(self.id, Tensor::item)
    }

    /// Records an operation of this value alone.
    #[track_caller]
    pub fn unary(self, op: impl Op<1>) -> Self {
        self.tape.apply(op, [self.id])
    }

    /// Records an operation of this value and another one of the same tape.
    #[track_caller]
    pub fn binary(self, op: impl Op<2>, other: Self) -> Self {
        self.same_tape(other);
        self.tape.apply(op, [self.id, other.id])
    }

    /// Records an operation of three values of one tape.
    #[track_caller]
    pub fn ternary(self, op: impl Op<3>, second: Self, third: Self) -> Self {
        self.same_tape(second);
        self.same_tape(third);
        self.tape.apply(op, [self.id, second.id, third.id])
    }

    #[track_caller]
    fn same_tape(self, other: Self) {
        assert!(std::ptr::eq(self.tape, other.tape), "values of two tapes in one operation");
    }
}

impl fmt::Debug for Var<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {:?}", self.id, self.value())
    }
}

/// Gradients of one backward walk.
#[derive(Debug)]
pub struct Grads {
    params: Vec<Option<Tensor>>,
    variables: Vec<(u32, Tensor)>,
}

impl Grads {
    /// Gradient of a parameter; `None` if the loss does not depend on it.
    pub fn param(&self, id: ParamId) -> Option<&Tensor> {
        self.params[id.0].as_ref()
    }

    /// Gradient of a variable; `None` if the loss does not depend on it.
    pub fn of(&self, variable: Var<'_>) -> Option<&Tensor> {
        self.variables.iter().find(|(id, _)| *id == variable.id).map(|(_, gradient)| gradient)
    }
}
