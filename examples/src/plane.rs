//! Words as points on a plane, drawn as SVG or PNG.

use std::path::Path;

use anyhow::Result;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::picture::{Picture, save};

const SIZE: (i32, i32) = (1000, 750);
/// The margin around the points; wider for words to the right of them.
const MARGIN: (i32, i32) = (90, 40);
const FONT: i32 = 15;
const STRONG: RGBColor = RGBColor(0xD6, 0x5F, 0x0E);
const PLAIN: RGBColor = RGBColor(0x1F, 0x77, 0xB4);

/// A word on the plane.
#[derive(Clone, Debug)]
pub struct Label {
    /// The word.
    pub text: String,
    /// Whether it is emphasised.
    pub is_strong: bool,
    /// Its position, in any unit.
    pub at: [f32; 2],
}

/// Draws the words to a `.svg` or `.png` file, which is written whole or not at all.
///
/// # Errors
///
/// Same as [`save`].
pub fn draw(path: &Path, labels: &[Label]) -> Result<()> {
    save(path, &Plane(labels))
}

struct Plane<'a>(&'a [Label]);

impl Picture for Plane<'_> {
    fn size(&self) -> (u32, u32) {
        (SIZE.0 as u32, SIZE.1 as u32)
    }

    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), DrawingAreaErrorKind<B::ErrorType>> {
        let Self(labels) = self;
        area.fill(&WHITE)?;
        let points = pixels(labels);
        for (label, &point) in labels.iter().zip(&points) {
            area.draw(&Circle::new(point, 4, colour(label).filled()))?;
        }
        let mut taken: Vec<Area> = points.iter().map(|&(x, y)| [x - 4, y - 4, x + 4, y + 4]).collect();
        // Emphasised words choose their places first.
        let mut order: Vec<usize> = (0..labels.len()).collect();
        order.sort_by_key(|&n| !labels[n].is_strong);
        for n in order {
            let (width, _) = area.estimate_text_size(&labels[n].text, &style(&labels[n]))?;
            let (corner, place) = free_place(points[n], width as i32, &taken);
            taken.push(place);
            let style = style(&labels[n]).pos(Pos::new(HPos::Left, VPos::Top));
            area.draw_text(&labels[n].text, &style, corner)?;
        }
        Ok(())
    }
}

fn colour(label: &Label) -> RGBColor {
    if label.is_strong { STRONG } else { PLAIN }
}

fn style(label: &Label) -> TextStyle<'static> {
    let colour = if label.is_strong { STRONG } else { BLACK };
    ("sans-serif", FONT).into_font().color(&colour)
}

/// The labels' points on the picture, with the same scale in both directions.
fn pixels(labels: &[Label]) -> Vec<(i32, i32)> {
    let bounds = |axis: usize| {
        let values = labels.iter().map(|label| label.at[axis]);
        values.fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)))
    };
    let [(left, right), (low, high)] = [bounds(0), bounds(1)];
    let room = ((SIZE.0 - 2 * MARGIN.0) as f32, (SIZE.1 - 2 * MARGIN.1) as f32);
    let scale = (room.0 / (right - left).max(f32::MIN_POSITIVE)).min(room.1 / (high - low).max(f32::MIN_POSITIVE));
    let middle = ((left + right) / 2.0, (low + high) / 2.0);
    let pixel = |label: &Label| {
        let x = SIZE.0 as f32 / 2.0 + (label.at[0] - middle.0) * scale;
        let y = SIZE.1 as f32 / 2.0 - (label.at[1] - middle.1) * scale;
        (x as i32, y as i32)
    };
    labels.iter().map(pixel).collect()
}

/// Left, top, right, bottom.
type Area = [i32; 4];

/// The place next to a point where a text of this width covers the least of what is there: its corner and its area.
fn free_place((x, y): (i32, i32), width: i32, taken: &[Area]) -> ((i32, i32), Area) {
    let (beside, half) = (8, FONT / 2);
    let corners = [
        (x + beside, y - half),
        (x - beside - width, y - half),
        (x - width / 2, y - FONT - beside),
        (x - width / 2, y + beside - 2),
        (x + beside, y - FONT - beside / 2),
        (x + beside, y + beside / 2),
    ];
    let covered = |&(left, top): &(i32, i32)| {
        let overlap = |area: &Area| {
            let across = (area[2].min(left + width) - area[0].max(left)).max(0);
            across * (area[3].min(top + FONT) - area[1].max(top)).max(0)
        };
        let outside = (-left).max(0) + (left + width - SIZE.0).max(0);
        taken.iter().map(overlap).sum::<i32>() + outside * FONT
    };
    let (left, top) = corners.into_iter().min_by_key(covered).unwrap_or((x, y));
    ((left, top), [left, top, left + width, top + FONT])
}
