//! Named arrays of a state: making them, and finding them again.

use crate::Array;

impl Array {
    /// A single number.
    pub fn number(name: &'static str, value: f64) -> Self {
        Self { name: name.into(), shape: Vec::new(), values: vec![value] }
    }

    /// 1 or 0.
    pub fn flag(name: &'static str, value: bool) -> Self {
        Self::number(name, f64::from(u8::from(value)))
    }

    /// Values of a shape, row-major.
    ///
    /// # Panics
    /// If there are more or fewer values than the shape has places.
    #[track_caller]
    pub fn of(name: &'static str, shape: &[usize], values: &[f64]) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "`{name}` of shape {shape:?}");
        Self { name: name.into(), shape: shape.to_vec(), values: values.to_vec() }
    }

    /// The values of the array of this name in a state, if it is there.
    ///
    /// # Errors
    /// If it has another shape.
    pub fn find<'a>(state: &'a [Self], name: &str, shape: &[usize]) -> Result<Option<&'a [f64]>, String> {
        let Some(array) = state.iter().find(|array| array.name == name) else { return Ok(None) };
        if array.shape != shape || array.values.len() != shape.iter().product::<usize>() {
            return Err(format!("`{name}` has shape {:?}, not {shape:?}", array.shape));
        }
        Ok(Some(&array.values))
    }

    /// [`Array::find`] of an array that must be there.
    ///
    /// # Errors
    /// If it is missing, or has another shape.
    pub fn expect<'a>(state: &'a [Self], name: &str, shape: &[usize]) -> Result<&'a [f64], String> {
        Self::find(state, name, shape)?.ok_or_else(|| format!("`{name}` is missing"))
    }

    /// The flag of this name, if it is there.
    ///
    /// # Errors
    /// If it is no single number.
    pub fn find_flag(state: &[Self], name: &str) -> Result<Option<bool>, String> {
        Ok(Self::find(state, name, &[])?.map(|values| values[0] != 0.0))
    }

    /// A whole number that must be there.
    ///
    /// # Errors
    /// If it is missing, or not a single whole number.
    pub fn count(state: &[Self], name: &str) -> Result<usize, String> {
        let value = Self::expect(state, name, &[])?[0];
        if value >= 0.0 && value.fract() == 0.0 && value < 9e15 {
            Ok(value as usize)
        } else {
            Err(format!("`{name}` is {value}, not a whole number"))
        }
    }
}
