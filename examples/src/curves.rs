//! Curves in one picture, on a plain or a logarithmic scale.

use std::path::Path;

use anyhow::{Result, ensure};
use plotters::coord::Shift;
use plotters::coord::ranged1d::ValueFormatter;
use plotters::prelude::*;

use crate::picture::{Picture, save};

const SIZE: (u32, u32) = (1000, 600);
const COLOURS: [RGBColor; 7] = [
    RGBColor(0x1F, 0x77, 0xB4),
    RGBColor(0xD6, 0x5F, 0x0E),
    RGBColor(0x2C, 0x8C, 0x3C),
    RGBColor(0x8E, 0x4B, 0xB0),
    RGBColor(0xC0, 0x28, 0x28),
    RGBColor(0x6B, 0x6B, 0x6B),
    RGBColor(0x0F, 0x9A, 0x9A),
];

/// One curve.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Its name in the legend.
    pub name: String,
    /// Its points from left to right.
    pub points: Vec<(f64, f64)>,
}

/// Several curves and what they are of.
#[derive(Clone, Debug)]
pub struct Curves {
    /// Above the picture.
    pub title: String,
    /// Below the horizontal axis.
    pub x: String,
    /// Beside the vertical axis.
    pub y: String,
    /// Whether the vertical axis is logarithmic: points at or below 0 are left out then.
    pub is_logarithmic: bool,
    /// The curves.
    pub curves: Vec<Curve>,
}

impl Curves {
    /// Draws them to a `.svg` or `.png` file.
    ///
    /// # Errors
    ///
    /// There is nothing to draw, or as [`save`].
    pub fn save(&self, path: &Path) -> Result<()> {
        ensure!(self.bounds().is_some(), "there is no point to draw in {}", path.display());
        save(path, self)
    }

    fn points<'a>(&self, curve: &'a Curve) -> impl Iterator<Item = (f64, f64)> + Clone + use<'a> {
        let least = if self.is_logarithmic { 0.0 } else { f64::NEG_INFINITY };
        curve.points.iter().copied().filter(move |&(x, y)| x.is_finite() && y.is_finite() && y > least)
    }

    /// Left, right, low, high.
    fn bounds(&self) -> Option<[f64; 4]> {
        let points = self.curves.iter().flat_map(|curve| self.points(curve));
        points.fold(None, |bounds: Option<[f64; 4]>, (x, y)| {
            let [left, right, low, high] = bounds.unwrap_or([x, x, y, y]);
            Some([left.min(x), right.max(x), low.min(y), high.max(y)])
        })
    }

    fn on<'a, B, X, Y>(&self, mut chart: Chart<'a, B, X, Y>) -> Result<(), DrawingAreaErrorKind<B::ErrorType>>
    where
        B: DrawingBackend + 'a,
        X: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let exponent = |y: &f64| if self.is_logarithmic { format!("{y:.0e}") } else { format!("{y:.2}") };
        chart
            .configure_mesh()
            .x_desc(&self.x)
            .y_desc(&self.y)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&exponent)
            .light_line_style(WHITE)
            .label_style(("sans-serif", 15))
            .draw()?;
        for (curve, colour) in self.curves.iter().zip(COLOURS.iter().cycle()) {
            chart
                .draw_series(LineSeries::new(self.points(curve), colour.stroke_width(2)))?
                .label(&curve.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerLeft)
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .label_font(("sans-serif", 15))
            .draw()
    }
}

type Chart<'a, B, X, Y> = ChartContext<'a, B, Cartesian2d<X, Y>>;

impl Picture for Curves {
    fn size(&self) -> (u32, u32) {
        SIZE
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        area.fill(&WHITE)?;
        let [left, right, low, high] = self.bounds().unwrap_or([0.0, 1.0, 0.0, 1.0]);
        let right = if right > left { right } else { left + 1.0 };
        let mut builder = ChartBuilder::on(area);
        builder.caption(&self.title, ("sans-serif", 22)).margin(14).x_label_area_size(44).y_label_area_size(76);
        if self.is_logarithmic {
            let (low, high) = (low / 2.0, high * 2.0);
            self.on(builder.build_cartesian_2d(left..right, (low..high).log_scale())?)
        } else {
            let margin = ((high - low) * 0.08).max(1e-9);
            self.on(builder.build_cartesian_2d(left..right, low - margin..high + margin)?)
        }
    }
}
