//! A table of a model's layers like Keras's `summary()`.

use std::fmt;

use burn::module::{ModuleVisitor, Param};
use burn::tensor::Tensor;

use super::{Example, Model};
use crate::forward::layer_tape::{self, Layer, snake_case};
use crate::forward::pass::Pass;

/// One line of a [`Summary`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SummaryRow {
    /// The layer's name and type, such as `embedding (Embedding)`.
    pub layer: String,
    /// The shape of the output; the batch is `None`.
    pub output_shape: String,
    /// The number of parameters.
    pub parameters: usize,
}

/// A model's layers, their output shapes and parameters. `Display` prints the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The model's name.
    pub name: String,
    /// The layers in order.
    pub rows: Vec<SummaryRow>,
    /// Trainable parameters.
    pub trainable: usize,
    /// Frozen parameters.
    pub frozen: usize,
}

impl Summary {
    /// The layers that a forward pass of `model` calls, in that order. Layers are named as in Keras, the model by its
    /// type.
    ///
    /// It lists Kiln's layers and others that call [`listed`](crate::layers::listed). Anything else with parameters,
    /// such as a layer of Burn, is listed under the model's field that holds it, without a shape.
    ///
    /// The shapes come from two inference passes, over an [`Example`] of one row and one of two rows; sizes that differ
    /// between them are shown as `None`.
    ///
    /// # Panics
    ///
    /// If the model panics on such an example.
    pub fn of<M: Model>(model: &M) -> Self {
        let inference = model.valid();
        let device = inference.devices().into_iter().next().unwrap_or_default();
        let [mut layers, larger] = [1, 2].map(|rows| {
            let input = M::Input::example(model, rows, &device);
            layer_tape::record(|| inference.forward(&input, &Pass::Inference))
        });
        for (layer, larger) in layers.iter_mut().zip(larger) {
            for (size, other) in layer.shape.iter_mut().zip(larger.shape) {
                *size = size.filter(|_| *size == other);
            }
        }
        let mut counts = Counts { layers, ..Counts::default() };
        // Only on a device with autodiff do tensors know whether they are trained.
        model.clone().train().visit(&mut counts);
        let name = std::any::type_name::<M>().split('<').next().unwrap_or_default();
        Self {
            name: snake_case(name.rsplit("::").next().unwrap_or_default()),
            rows: counts.layers.into_iter().map(SummaryRow::from).collect(),
            trainable: counts.trainable,
            frozen: counts.frozen,
        }
    }

    /// All parameters.
    pub fn total(&self) -> usize {
        self.trainable + self.frozen
    }
}

/// `count` with commas between thousands, such as `2,171,393`.
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

impl From<Layer> for SummaryRow {
    fn from(Layer { name, kind, shape, count, .. }: Layer) -> Self {
        let sizes: Vec<String> =
            shape.iter().map(|size| size.map_or_else(|| "None".to_owned(), |size| size.to_string())).collect();
        let output_shape = if sizes.is_empty() { "?".to_owned() } else { format!("({})", sizes.join(", ")) };
        Self { layer: format!("{name} ({kind})"), output_shape, parameters: count }
    }
}

/// Counts a model's parameters by layer, and adds the model's fields that hold parameters of no listed layer.
#[derive(Default)]
struct Counts {
    layers: Vec<Layer>,
    /// Where a field is added: after the layer of the previous parameter.
    next: usize,
    /// The fields that lead to a parameter, and their types.
    path: Vec<(String, String)>,
    trainable: usize,
    frozen: usize,
}

impl Counts {
    /// The index of the model's field that holds the current parameter; adds the field if it is missing.
    fn field(&mut self) -> usize {
        let name = self.path.first().map_or("", |(field, _)| field);
        let kind = self.path.get(1).map_or("Param", |(_, holder)| holder.rsplit(':').next().unwrap_or(holder));
        let is_same = |layer: &Layer| layer.shape.is_empty() && layer.name == name;
        self.layers.iter().position(is_same).unwrap_or_else(|| {
            let layer = Layer { name: name.to_owned(), kind: kind.to_owned(), ..Layer::default() };
            self.layers.insert(self.next, layer);
            self.next
        })
    }
}

impl ModuleVisitor for Counts {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.push((name.to_owned(), container_type.to_owned()));
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = param.val();
        let count = tensor.dims().iter().product::<usize>();
        let listed = self.layers.iter().position(|layer| layer.parameters.contains(&param.id));
        let place = listed.unwrap_or_else(|| self.field());
        self.layers[place].count += count;
        self.next = place + 1;
        *(if tensor.is_require_grad() { &mut self.trainable } else { &mut self.frozen }) += count;
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
