//! A table of a model's layers like Keras's `summary()`.

use std::fmt;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;

/// One line of a [`Summary`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryRow {
    /// The layer's name and type, such as `embedding (Embedding)`.
    pub layer: String,
    /// The shape of what comes out; the batch is `None`.
    pub output_shape: String,
    /// How many parameters.
    pub parameters: usize,
}

/// A model's layers, their output shapes and parameters.
///
/// Its `Display` is the table to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The model's name.
    pub name: String,
    /// The layers in order.
    pub rows: Vec<SummaryRow>,
    /// Parameters that training changes.
    pub trainable: usize,
    /// Parameters that are frozen.
    pub frozen: usize,
}

impl Summary {
    /// A summary without layers.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), rows: Vec::new(), trainable: 0, frozen: 0 }
    }

    /// Adds a layer with parameters.
    #[must_use]
    pub fn layer<M: Module>(self, layer: &str, shape: &[usize], module: &M) -> Self {
        self.with(layer, shape, Counts::of(module))
    }

    /// Adds a layer without parameters.
    #[must_use]
    pub fn plain(self, layer: &str, shape: &[usize]) -> Self {
        self.with(layer, shape, Counts::default())
    }

    fn with(mut self, layer: &str, shape: &[usize], counts: Counts) -> Self {
        let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
        self.rows.push(SummaryRow {
            layer: layer.to_owned(),
            output_shape: format!("(None, {})", sizes.join(", ")),
            parameters: counts.trainable + counts.frozen,
        });
        self.trainable += counts.trainable;
        self.frozen += counts.frozen;
        self
    }

    /// All parameters.
    pub fn total(&self) -> usize {
        self.trainable + self.frozen
    }
}

/// `count` with a comma between thousands, as in `2,171,393`.
pub fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The size of `count` 32-bit floats.
fn bytes(count: usize) -> String {
    let bytes = 4.0 * count as f64;
    match bytes {
        b if b < 1024.0 => format!("{b:.2} B"),
        b if b < 1024.0 * 1024.0 => format!("{:.2} KB", b / 1024.0),
        b if b < 1024.0 * 1024.0 * 1024.0 => format!("{:.2} MB", b / 1024.0 / 1024.0),
        b => format!("{:.2} GB", b / 1024.0 / 1024.0 / 1024.0),
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEADS: [&str; 3] = ["Layer (type)", "Output Shape", "Param #"];
        let cells: Vec<[String; 3]> = self
            .rows
            .iter()
            .map(|row| [row.layer.clone(), row.output_shape.clone(), thousands(row.parameters)])
            .collect();
        let width = |column: usize| {
            let widest = cells.iter().map(|cells| cells[column].chars().count()).max();
            widest.unwrap_or(0).max(HEADS[column].len()) + 2
        };
        let widths = [width(0), width(1), width(2)];
        let rule = |left: &str, fill: &str, middle: &str, right: &str| {
            let lines: Vec<String> = widths.iter().map(|&w| fill.repeat(w)).collect();
            format!("{left}{}{right}", lines.join(middle))
        };
        writeln!(f, "Model: \"{}\"", self.name)?;
        writeln!(f, "{}", rule("┏", "━", "┳", "┓"))?;
        let [a, b, c] = widths;
        let [x, y, z] = HEADS;
        writeln!(f, "┃ {x:<0$}┃ {y:<1$}┃{z:>2$} ┃", a - 1, b - 1, c - 1)?;
        writeln!(f, "{}", rule("┡", "━", "╇", "┩"))?;
        for (place, [x, y, z]) in cells.iter().enumerate() {
            if place > 0 {
                writeln!(f, "{}", rule("├", "─", "┼", "┤"))?;
            }
            writeln!(f, "│ {x:<0$}│ {y:<1$}│{z:>2$} │", a - 1, b - 1, c - 1)?;
        }
        writeln!(f, "{}", rule("└", "─", "┴", "┘"))?;
        for (what, count) in [
            ("Total params", self.total()),
            ("Trainable params", self.trainable),
            ("Non-trainable params", self.frozen),
        ] {
            writeln!(f, " {what}: {} ({})", thousands(count), bytes(count))?;
        }
        Ok(())
    }
}

/// Parameters of a module, told apart by whether training changes them.
#[derive(Clone, Copy, Default)]
struct Counts {
    trainable: usize,
    frozen: usize,
}

impl Counts {
    fn of<M: Module>(module: &M) -> Self {
        let mut counts = Self::default();
        // Only on a device with autodiff does a tensor tell whether it is trained.
        module.clone().train().visit(&mut counts);
        counts
    }
}

impl ModuleVisitor for Counts {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let count = tensor.dims().iter().product::<usize>();
        if tensor.is_require_grad() {
            self.trainable += count;
        } else {
            self.frozen += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1000), "1,000");
        assert_eq!(thousands(2_171_393), "2,171,393");
    }

    #[test]
    fn sizes_are_in_units_of_1024() {
        assert_eq!(bytes(80_161), "313.13 KB");
        assert_eq!(bytes(2_171_393), "8.28 MB");
    }
}
