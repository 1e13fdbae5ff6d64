//! The curves of a run: loss, accuracy and perplexity, training against validation, as SVG and PNG.

use std::path::Path;
use std::sync::OnceLock;

use kiln_base::FileError;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use crate::error::{Error, Result};
use crate::report::file::write_file;
use crate::report::history::History;

const SIZE: (u32, u32) = (1000, 400);
const TRAINING: RGBColor = RGBColor(0x1F, 0x77, 0xB4);
const VALIDATION: RGBColor = RGBColor(0xD6, 0x5F, 0x0E);

impl History {
    /// Draws the curves of loss and, where they are measured, accuracy and perplexity to a `.svg` or `.png` file.
    ///
    /// # Errors
    ///
    /// The extension is another one, there is no epoch yet, or the file cannot be written.
    pub fn plot(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let failed = |message: String| Error::Plot { path: path.to_owned(), message };
        if self.epochs().is_empty() {
            return Err(failed("the history has no epoch".to_owned()));
        }
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("svg") => {
                let mut text = String::new();
                self.draw(SVGBackend::with_string(&mut text, SIZE).into_drawing_area()).map_err(failed)?;
                write_file(path, text.as_bytes())
            }
            Some("png") => {
                // The encoder of plotters writes only to a path.
                let folder = tempfile::tempdir().map_err(FileError::new("make a temporary folder near", path))?;
                let drawn = folder.path().join("curves.png");
                self.draw(BitMapBackend::new(&drawn, SIZE).into_drawing_area()).map_err(failed)?;
                let bytes = std::fs::read(&drawn).map_err(FileError::new("read", &drawn))?;
                write_file(path, &bytes)
            }
            _ => Err(failed("expected a name that ends in .svg or .png".to_owned())),
        }
    }

    fn draw<B: DrawingBackend>(&self, area: DrawingArea<B, Shift>) -> std::result::Result<(), String> {
        font_is_registered()?;
        area.fill(&WHITE).map_err(text)?;
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
        area.present().map_err(text)
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

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Pictures carry their own font: a machine may have none.
fn font_is_registered() -> std::result::Result<(), String> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered = *REGISTERED
        .get_or_init(|| register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT).is_ok());
    if registered { Ok(()) } else { Err("the font cannot be read".to_owned()) }
}
