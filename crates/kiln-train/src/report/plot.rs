//! The curves of a run: loss, accuracy and perplexity, training against validation, as SVG and PNG.

use std::path::Path;

use kiln_report::plot::{Picture, save, text};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::error::{Error, Result};
use crate::report::history::History;

const TRAINING: RGBColor = RGBColor(0x1F, 0x77, 0xB4);
const VALIDATION: RGBColor = RGBColor(0xD6, 0x5F, 0x0E);

impl History {
    /// Draws the curves of loss and, if measured, accuracy and perplexity to a `.svg` or `.png` file.
    ///
    /// # Errors
    ///
    /// The extension is neither `.svg` nor `.png`, the history is empty, or the file cannot be written.
    pub fn plot(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if self.epochs().is_empty() {
            return Err(Error::Plot { path: path.to_owned(), message: "the history has no epochs".to_owned() });
        }
        Ok(save(self, path)?)
    }

    fn chart<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        title: &str,
        training: &str,
        validation: &str,
    ) -> std::result::Result<(), String> {
        let curve = |name: &str| -> Vec<(f64, f64)> {
            self.epochs()
                .iter()
                .filter_map(|logs| Some((logs.epoch as f64, logs.get(name)?)))
                .filter(|(_, value)| value.is_finite())
                .collect()
        };
        let curves = [("training", curve(training), TRAINING), ("validation", curve(validation), VALIDATION)];
        let values = || curves.iter().flat_map(|(_, points, _)| points.iter().map(|&(_, y)| y));
        let (low, high) = values().fold((f64::MAX, f64::MIN), |(low, high), y| (low.min(y), high.max(y)));
        if low > high {
            return Ok(()); // nothing finite to draw
        }
        let margin = ((high - low) * 0.08).max(1e-6);
        let epochs = self.epochs().len() as f64;
        let mut chart = ChartBuilder::on(area)
            .caption(title, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(1.0..epochs.max(1.5), low - margin..high + margin)
            .map_err(text)?;
        chart
            .configure_mesh()
            .x_desc("epoch")
            .x_labels((epochs as usize).clamp(2, 10))
            .x_label_formatter(&|x| if x.fract() == 0.0 { format!("{x}") } else { String::new() })
            .y_label_formatter(&|y| if high - low > 10.0 { format!("{y:.0}") } else { format!("{y:.3}") })
            .light_line_style(WHITE)
            .label_style(("sans-serif", 14))
            .draw()
            .map_err(text)?;
        for (name, points, colour) in curves {
            chart
                .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))
                .map_err(text)?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
            chart.draw_series(points.iter().map(|&point| Circle::new(point, 3, colour.filled()))).map_err(text)?;
        }
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .label_font(("sans-serif", 14))
            .draw()
            .map_err(text)
    }
}

impl Picture for History {
    fn size(&self) -> (u32, u32) {
        (1000, 400)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> std::result::Result<(), String> {
        let all = [
            ("Loss", "loss", "val_loss"),
            ("Accuracy", "accuracy", "val_accuracy"),
            ("Perplexity", "perplexity", "val_perplexity"),
        ];
        let charts: Vec<(&str, &str, &str)> =
            all.into_iter().filter(|(_, training, _)| !self.values(training).is_empty()).collect();
        for (part, (title, training, validation)) in area.split_evenly((1, charts.len())).iter().zip(charts) {
            self.chart(part, title, training, validation)?;
        }
        Ok(())
    }
}
