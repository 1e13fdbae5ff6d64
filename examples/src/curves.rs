//! Several curves in one picture, on a linear or a logarithmic scale.

use std::path::Path;

use anyhow::{Result, ensure};
use kiln::train::History;
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

impl Curve {
    /// The metric `value` of a run, such as `val_accuracy`, in each epoch.
    #[must_use]
    pub fn of_history(name: &str, history: &History, value: &str) -> Self {
        let points = history.epochs().iter().filter_map(|logs| Some((logs.epoch as f64, logs.get(value)?)));
        Self { name: name.to_owned(), points: points.collect() }
    }
}

/// Several curves and their labels.
#[derive(Clone, Debug)]
pub struct Curves {
    /// Above the picture.
    pub title: String,
    /// Below the horizontal axis.
    pub x: String,
    /// Next to the vertical axis.
    pub y: String,
    /// Whether the vertical axis is logarithmic; points at or below 0 are then skipped.
    pub is_logarithmic: bool,
    /// The curves.
    pub curves: Vec<Curve>,
}

impl Curves {
    /// Draws the curves to a `.svg` or `.png` file.
    ///
    /// # Errors
    ///
    /// There is nothing to draw; otherwise the same as [`save`].
    pub fn save(&self, path: &Path) -> Result<()> {
        ensure!(self.bounds().is_some(), "there are no points to draw in {}", path.display());
        save(path, self)
    }

    /// Draws the curves to `NAME.svg` and `NAME.png` in a folder, and prints their paths.
    ///
    /// # Errors
    ///
    /// Same as [`Curves::save`].
    pub fn save_both(&self, folder: &Path, name: &str) -> Result<()> {
        for ending in ["svg", "png"] {
            let path = folder.join(format!("{name}.{ending}"));
            self.save(&path)?;
            println!("picture: {}", path.display());
        }
        Ok(())
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

    /// The corner in which the legend hides the least of the curves.
    fn emptiest_corner(&self) -> SeriesLabelPosition {
        /// Places that are checked between two points of a curve.
        const BETWEEN: u32 = 16;
        let scale = |y: f64| if self.is_logarithmic { y.ln() } else { y };
        let Some([left, right, low, high]) = self.bounds() else { return SeriesLabelPosition::LowerLeft };
        let share = |x: f64, from: f64, to: f64| if to > from { (x - from) / (to - from) } else { 0.5 };
        let longest = self.curves.iter().map(|curve| curve.name.chars().count()).max().unwrap_or(0);
        // About the share of the picture that a letter and a line take.
        let (width, height) = (0.06 + longest as f64 * 0.009, 0.06 + self.curves.len() as f64 * 0.045);
        let mut hidden = [0; 4];
        for curve in &self.curves {
            let points =
                self.points(curve).map(|(x, y)| (share(x, left, right), share(scale(y), scale(low), scale(high))));
            let points: Vec<(f64, f64)> = points.collect();
            for pair in points.windows(2) {
                for step in 0..=BETWEEN {
                    let part = f64::from(step) / f64::from(BETWEEN);
                    let x = pair[0].0 + part * (pair[1].0 - pair[0].0);
                    let y = pair[0].1 + part * (pair[1].1 - pair[0].1);
                    let inside = |is_left: bool, is_low: bool| {
                        (if is_left { x < width } else { x > 1.0 - width })
                            && (if is_low { y < height } else { y > 1.0 - height })
                    };
                    let corners = [inside(true, true), inside(true, false), inside(false, true), inside(false, false)];
                    hidden.iter_mut().zip(corners).for_each(|(count, is_inside)| *count += u32::from(is_inside));
                }
            }
        }
        let corners = [
            SeriesLabelPosition::LowerLeft,
            SeriesLabelPosition::UpperLeft,
            SeriesLabelPosition::LowerRight,
            SeriesLabelPosition::UpperRight,
        ];
        let (best, _) = hidden.iter().enumerate().min_by_key(|&(_, count)| count).unwrap_or((0, &0));
        corners.into_iter().nth(best).unwrap_or(SeriesLabelPosition::LowerLeft)
    }

    fn on<'a, B, X, Y>(&self, mut chart: Chart<'a, B, X, Y>) -> Result<(), DrawingAreaErrorKind<B::ErrorType>>
    where
        B: DrawingBackend + 'a,
        X: Ranged<ValueType = f64> + ValueFormatter<f64>,
        Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
    {
        let [left, right, low, high] = self.bounds().unwrap_or([0.0, 1.0, 0.0, 1.0]);
        // As many decimals as are needed to distinguish the labels.
        let decimals = (1.0 - (high - low).log10().floor()).clamp(2.0, 6.0) as usize;
        let number = |y: &f64| if self.is_logarithmic { format!("{y:.0e}") } else { format!("{y:.decimals$}") };
        chart
            .configure_mesh()
            .x_desc(&self.x)
            .y_desc(&self.y)
            .x_labels((right - left).clamp(1.0, 10.0) as usize + 1)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&number)
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
            .position(self.emptiest_corner())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn corner(points: &[(f64, f64)], is_logarithmic: bool) -> SeriesLabelPosition {
        let curves = vec![Curve { name: "a curve".to_owned(), points: points.to_vec() }];
        let empty = String::new;
        Curves { title: empty(), x: empty(), y: empty(), is_logarithmic, curves }.emptiest_corner()
    }

    #[test]
    fn the_legend_keeps_clear_of_the_curves() {
        let rising = corner(&[(0.0, 0.0), (1.0, 1.0)], false);
        assert!(matches!(rising, SeriesLabelPosition::UpperLeft), "{rising:?}");
        let falling = corner(&[(0.0, 1e3), (1.0, 1.0)], true);
        assert!(matches!(falling, SeriesLabelPosition::LowerLeft), "{falling:?}");
        let valley = corner(&[(0.0, 1.0), (0.0, 0.0), (1.0, 0.0)], false);
        assert!(matches!(valley, SeriesLabelPosition::UpperRight), "{valley:?}");
        assert!(matches!(corner(&[], false), SeriesLabelPosition::LowerLeft));
    }
}
