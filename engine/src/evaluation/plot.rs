//! A picture of a report: the precision-recall curve, how reliable scores are, and F1 per category as bars. SVG written by hand.

use super::report::{Calibration, Report};
use std::fmt::Write;

/// Side of the curve's square and where it stands.
const SIDE: f64 = 340.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 64.0;
/// The smaller square of reliability below it, and the radius of its largest point.
const SMALL: f64 = 180.0;
const BELOW: f64 = TOP + SIDE + 74.0;
const LARGEST: f64 = 7.0;
/// Where the bars begin, how long the longest is, and the height of a row.
const BARS: f64 = 680.0;
const LONGEST: f64 = 240.0;
const ROW: f64 = 15.0;

/// The report as an SVG picture.
pub fn svg(report: &Report) -> String {
    let height = (TOP + ROW * report.categories.len() as f64 + 30.0).max(BELOW + SMALL + 50.0);
    let about = &report.about;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 980 {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"980\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    let title = format!(
        "{}: {} ({}), from {}, {} documents, {}",
        about.data, about.method, report.model, about.from, report.documents, about.date
    );
    text(&mut out, LEFT, 24.0, "start", &title);
    let below = format!(
        "area {:.3}, precision at 80 % recall {:.3}, F1 {:.3} (mean of categories {:.3})",
        report.area, report.precision_at_80_recall, report.micro.f1, report.macro_f1
    );
    text(&mut out, LEFT, 42.0, "start", &below);
    curve(&mut out, report);
    if let Some(calibration) = &report.calibration {
        reliability(&mut out, calibration);
    }
    bars(&mut out, report);
    out.push_str("</svg>\n");
    out
}

fn curve(out: &mut String, report: &Report) {
    let (x, y) = (|recall: f64| LEFT + recall * SIDE, |precision: f64| TOP + (1.0 - precision) * SIDE);
    for tenth in 0..=5 {
        let value = f64::from(tenth) / 5.0;
        line(out, (x(value), y(0.0)), (x(value), y(1.0)), "#ddd");
        line(out, (x(0.0), y(value)), (x(1.0), y(value)), "#ddd");
        text(out, x(value), y(0.0) + 14.0, "middle", &format!("{value:.1}"));
        text(out, LEFT - 6.0, y(value) + 4.0, "end", &format!("{value:.1}"));
    }
    text(out, x(0.5), y(0.0) + 32.0, "middle", "recall");
    text(out, x(0.02), y(1.0) + 12.0, "start", "precision");
    let points: Vec<String> =
        report.curve.iter().map(|p| format!("{:.1},{:.1}", x(p.recall), y(p.precision))).collect();
    element(
        out,
        format_args!("<polyline fill=\"none\" stroke=\"#1f5fa8\" stroke-width=\"2\" points=\"{}\"/>", points.join(" ")),
    );
    let (px, py) = (x(report.micro.recall), y(report.micro.precision));
    element(out, format_args!("<circle cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"4\" fill=\"#b3392b\"/>"));
    text(out, px + 7.0, py - 5.0, "start", "what is shown");
}

/// Scores against the share that is right: on the diagonal a score is a probability. Larger points stand for more.
fn reliability(out: &mut String, calibration: &Calibration) {
    let (x, y) = (|score: f64| LEFT + score * SMALL, |right: f64| BELOW + (1.0 - right) * SMALL);
    for value in [0.0, 0.5, 1.0] {
        line(out, (x(value), y(0.0)), (x(value), y(1.0)), "#ddd");
        line(out, (x(0.0), y(value)), (x(1.0), y(value)), "#ddd");
        text(out, x(value), y(0.0) + 14.0, "middle", &format!("{value:.1}"));
        text(out, LEFT - 6.0, y(value) + 4.0, "end", &format!("{value:.1}"));
    }
    line(out, (x(0.0), y(0.0)), (x(1.0), y(1.0)), "#999");
    text(out, x(0.5), y(0.0) + 30.0, "middle", "score of what is shown");
    text(out, x(0.02), y(1.0) + 12.0, "start", "share right");
    let most = calibration.points.iter().map(|b| b.count).max().unwrap_or(1) as f64;
    for bin in &calibration.points {
        let radius = (LARGEST * (bin.count as f64 / most).sqrt()).max(1.5);
        let (px, py) = (x(bin.score), y(bin.right));
        element(out, format_args!("<circle cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"{radius:.1}\" fill=\"#1f5fa8\"/>"));
    }
    let said = [
        format!("expected calibration error {:.3}", calibration.error),
        format!("{} passages in bins:", calibration.given),
        calibration.bins.clone(),
    ];
    for (i, words) in said.iter().enumerate() {
        text(out, LEFT + SMALL + 14.0, BELOW + 14.0 + ROW * i as f64, "start", words);
    }
}

fn bars(out: &mut String, report: &Report) {
    text(out, BARS, TOP - 8.0, "start", "F1 (labelled passages)");
    for (i, category) in report.categories.iter().enumerate() {
        let top = TOP + ROW * i as f64;
        let width = category.scores.f1 * LONGEST;
        text(out, BARS - 6.0, top + 10.0, "end", &category.name);
        if category.labelled > 0 {
            element(
                out,
                format_args!(
                    "<rect x=\"{BARS}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"10\" fill=\"#1f5fa8\"/>",
                    top + 2.0
                ),
            );
        }
        let said = match category.labelled {
            0 => "not labelled in these documents".to_owned(),
            n => format!("{:.2} ({n})", category.scores.f1),
        };
        text(out, BARS + 4.0 + if category.labelled > 0 { width } else { 0.0 }, top + 10.0, "start", &said);
    }
}

fn line(out: &mut String, from: (f64, f64), to: (f64, f64), colour: &str) {
    let ((x1, y1), (x2, y2)) = (from, to);
    element(
        out,
        format_args!("<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\"/>"),
    );
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    element(out, format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"));
}

fn element(out: &mut String, element: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(element);
    out.push('\n');
}
