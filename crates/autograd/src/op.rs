//! What an operation is: a forward value, a vector–Jacobian product per argument, and the domain it is tested on.

use std::fmt::Debug;

use elbo_tensor::{Real, Shape, Stream, Tensor, fill_uniform};

/// A differentiable operation of `N` ≤ 3 tensors. [`Var::unary`](crate::Var::unary),
/// [`Var::binary`](crate::Var::binary) and [`Var::ternary`](crate::Var::ternary) record it on a tape.
///
/// Arguments of one operation may broadcast; `vjp` may return the gradient in the broadcast shape, the tape sums it
/// back to the argument's shape.
///
/// An operation of your own needs a type, this trait and a function of [`Var`](crate::Var)s, and
/// [`check::operation`](crate::check::operation) compares its gradient with differences:
///
/// ```
/// use elbo_autograd::{Case, Entry, Op, Var, check};
/// use elbo_tensor::{Purpose, Tensor, stream};
///
/// /// `y = x³`
/// #[derive(Debug)]
/// struct Cube;
///
/// impl Op<1> for Cube {
///     fn forward(&self, [x]: [&Tensor; 1]) -> Tensor {
///         x.map(|x| x * x * x)
///     }
///     /// `dy · 3x²`
///     fn vjp(&self, _wrt: usize, [x]: [&Tensor; 1], _y: &Tensor, dy: &Tensor) -> Tensor {
///         dy.zip(x, |dy, x| dy * 3.0 * x * x)
///     }
///     fn cases(&self) -> Vec<[Case; 1]> {
///         vec![[Case::of(&[3, 4])]]
///     }
/// }
///
/// fn cube(x: Var<'_>) -> Var<'_> {
///     x.unary(Cube)
/// }
///
/// let comparisons = check::operation(&Entry::of(Cube), &mut stream(1, Purpose::Test, 0));
/// assert!(comparisons.iter().all(|comparison| comparison.passes()));
/// ```
pub trait Op<const N: usize>: Debug + 'static {
    /// The value `y = f(x)`.
    ///
    /// Closures given to a tensor's loops must be `#[inline(always)]` if they call a function, or the
    /// loop is not vectorised.
    fn forward(&self, x: [&Tensor; N]) -> Tensor;

    /// The factor that all arguments' products share, applied once: by default none.
    fn common(&self, _y: &Tensor, dy: Tensor) -> Tensor {
        dy
    }

    /// `dyᵀ · ∂y/∂x[wrt]`, where `dy` has been through [`Op::common`].
    fn vjp(&self, wrt: usize, x: [&Tensor; N], y: &Tensor, dy: &Tensor) -> Tensor;

    /// Whether the derivative jumps where the value becomes positive, as that of a ReLU does.
    fn has_kink(&self) -> bool {
        false
    }

    /// Where the formula is smooth, and therefore tested: shape and range of each argument, one list a case.
    fn cases(&self) -> Vec<[Case; N]>;
}

/// Shape and range of one argument of a test case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Shape of the argument.
    pub shape: Shape,
    /// Elements are drawn uniformly from this interval.
    pub range: [Real; 2],
}

impl Case {
    /// An argument of `shape` with elements in `[−2, 2]`.
    pub fn of(shape: &[usize]) -> Self {
        Self { shape: shape.into(), range: [-2.0, 2.0] }
    }

    /// The same with elements in `[low, high]`.
    pub fn within(mut self, low: Real, high: Real) -> Self {
        self.range = [low, high];
        self
    }

    /// Pairs of arguments for an operation that broadcasts: of one shape, of fewer axes, and both stretched.
    pub(crate) fn pairs() -> Vec<[Self; 2]> {
        let shapes: [[&[usize]; 2]; 3] = [[&[3, 4], &[3, 4]], [&[2, 3, 4], &[4]], [&[2, 1, 4], &[3, 4]]];
        shapes.map(|pair| pair.map(Self::of)).into()
    }

    /// A random argument.
    pub fn draw(&self, rng: &mut Stream) -> Tensor {
        let mut x = Tensor::scratch(self.shape);
        fill_uniform(rng, x.as_mut_slice());
        let [low, high] = self.range;
        x.map(|u| low + u * (high - low))
    }
}

/// An operation with its arity erased, as the tape and the list of all operations hold it.
pub(crate) trait AnyOp: Debug {
    fn forward(&self, x: &[&Tensor]) -> Tensor;
    fn common(&self, y: &Tensor, dy: Tensor) -> Tensor;
    fn vjp(&self, wrt: usize, x: &[&Tensor], y: &Tensor, dy: &Tensor) -> Tensor;
    fn cases(&self) -> Vec<Vec<Case>>;
    fn has_kink(&self) -> bool;
    /// Whether the operation is of the type `name`.
    fn is_named(&self, name: &str) -> bool;
}

/// Binds an operation to its arity; as small as the operation, so that boxing a unit struct allocates nothing.
#[derive(Debug)]
pub(crate) struct Erased<O, const N: usize>(pub(crate) O);

impl<O: Op<N>, const N: usize> AnyOp for Erased<O, N> {
    fn forward(&self, x: &[&Tensor]) -> Tensor {
        self.0.forward(arguments(x))
    }
    fn common(&self, y: &Tensor, dy: Tensor) -> Tensor {
        self.0.common(y, dy)
    }
    fn vjp(&self, wrt: usize, x: &[&Tensor], y: &Tensor, dy: &Tensor) -> Tensor {
        self.0.vjp(wrt, arguments(x), y, dy)
    }
    fn cases(&self) -> Vec<Vec<Case>> {
        self.0.cases().into_iter().map(Vec::from).collect()
    }
    fn has_kink(&self) -> bool {
        self.0.has_kink()
    }
    fn is_named(&self, name: &str) -> bool {
        std::any::type_name::<O>().rsplit("::").next() == Some(name)
    }
}

fn arguments<'a, const N: usize>(x: &[&'a Tensor]) -> [&'a Tensor; N] {
    x.try_into().expect("the tape keeps as many inputs as the operation has arguments")
}

/// One line of a list of operations, such as [`crate::ops::all`], that tests and benches iterate over.
pub struct Entry(Box<dyn AnyOp>);

impl Entry {
    /// Lists an operation.
    pub fn of<const N: usize>(op: impl Op<N>) -> Self {
        Self(Box::new(Erased(op)))
    }

    /// Name with its settings, e.g. `Sum { axis: Some(1) }`.
    pub fn name(&self) -> String {
        // The wrapper is shown as `Erased(…)`.
        let text = format!("{:?}", self.0);
        text["Erased(".len()..text.len() - 1].to_string()
    }

    /// The value of the operation.
    pub fn forward(&self, x: &[&Tensor]) -> Tensor {
        self.0.forward(x)
    }

    /// The gradient of `Σ y ⊙ dy` with respect to argument `wrt`, in that argument's shape.
    pub fn gradient(&self, wrt: usize, x: &[&Tensor], y: &Tensor, dy: &Tensor) -> Tensor {
        let dy = self.0.common(y, dy.clone());
        self.0.vjp(wrt, x, y, &dy).unbroadcast_to(x[wrt].shape())
    }

    /// Test cases: shape and range of each argument.
    pub fn cases(&self) -> Vec<Vec<Case>> {
        self.0.cases()
    }
}
