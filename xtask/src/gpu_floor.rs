//! `cargo xtask gpu-floor`: on paper, the time below which the benchmarks' tasks cannot go on a GPU.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::bench::with_table;

/// The assumed figures of each GPU: GB/s of its memory and of the cache that all cores share, TFLOP/s and GHz; and the
/// file of a run on it, under results/gpu.
///
/// - memory and peak of the H100 (SXM) and the RTX 4070: NVIDIA's data sheets, without matrix units
/// - memory of the M3: Apple's specifications of the MacBook Air of 2024; peak: 10 cores with 128 lanes and two
///   operations a clock, at a clock that Apple does not publish
/// - cache: roughly what chipsandcheese.com measured on an H100 (PCIe) in 2023 and on an RTX 4090 in 2022, the latter
///   scaled to 46 of 128 cores; assumed for the M3, 32 bytes a clock and core
const DEVICES: [Device; 3] = [
    Device { name: "H100", memory: 3350.0, cache: 5500.0, peak: 67.0, clock: 1.98, file: "h100.jsonl" },
    Device { name: "RTX 4070", memory: 504.0, cache: 1800.0, peak: 29.1, clock: 2.475, file: "rtx_4070.jsonl" },
    Device { name: "M3", memory: 100.0, cache: 450.0, peak: 3.58, clock: 1.398, file: "m3.jsonl" },
];
/// Microseconds of a launch through wgpu: assumed, between 4 and 10.
const LAUNCH: f64 = 7.0;
/// Nanoseconds of a barrier of all workgroups: about that of a V100 in Zhang et al. 2020, arXiv:2004.05371.
const GRID: f64 = 1500.0;
/// Clocks of a read from the cache, of a workgroup's barrier with the next read of its memory, and of adding a product
/// to a sum: about those of NVIDIA's cards in Luo et al. 2024, arXiv:2402.13499; assumed for the M3.
const READ: f64 = 270.0;
const BARRIER: f64 = 60.0;
const ADD: f64 = 4.0;

struct Device {
    name: &'static str,
    memory: f64,
    cache: f64,
    peak: f64,
    clock: f64,
    file: &'static str,
}

/// The widest states whose weights a workgroup holds, and that it walks by itself: those of kiln-kernels.
const HELD: usize = 64;
const WALKED: usize = 256;

/// What a task moves, computes and waits for. Pairs are of a training step and a forward pass.
#[derive(Default)]
struct Task {
    name: &'static str,
    batch: usize,
    /// Steps of a row; after a pooling, what is left of them.
    time: usize,
    parameters: usize,
    /// Those that only lookups read.
    tables: usize,
    /// How often a step moves a number for each parameter. Adam reads and writes value, gradient and two moments;
    /// clipped descent reads and writes value and gradient, and reads the gradient twice.
    moves: usize,
    /// How often other numbers are moved: data and looked-up rows once, what is written and read twice.
    moved: [usize; 2],
    /// Operations of the matrix products.
    flops: [usize; 2],
    /// Steps and hidden units of each walk through time.
    walks: Vec<(usize, usize)>,
    /// Bytes of weights that the walks of a forward pass read from the cache, in every step.
    again: usize,
    /// Launches, estimated from the code: those counted of gru_product less a layer, and beyond [`WALKED`] two for each
    /// step forward and three back. BENCHMARKS.md counts those of some tasks.
    launches: [usize; 2],
    /// The launches of a step that the project aims at; 0 for none.
    target: usize,
}

impl Task {
    fn new(name: &'static str, batch: usize, time: usize, launches: [usize; 2]) -> Self {
        Self { name, batch, time, moves: 8, launches, ..Self::default() }
    }

    /// Adds arrays that are written and read, and the products of a forward pass with the two gradients of each.
    fn add(mut self, parameters: usize, arrays: [usize; 2], flops: usize) -> Self {
        self.parameters += parameters;
        self.moved = [self.moved[0] + 2 * arrays[0], self.moved[1] + 2 * arrays[1]];
        self.flops = [self.flops[0] + 3 * flops, self.flops[1] + flops];
        self
    }

    /// Rows of a table of `vocab` words; 0 if the table is that of the output.
    fn lookup(mut self, vocab: usize, width: usize) -> Self {
        let numbers = self.batch * self.time * width;
        self.tables += vocab * width;
        self.moved = self.moved.map(|moved| moved + numbers);
        self.add(vocab * width, [2 * numbers, numbers], 0)
    }

    /// A convolution and max pooling.
    fn conv(mut self, [window, pool]: [usize; 2], d_input: usize, filters: usize) -> Self {
        let places = self.time + 1 - window;
        self.time = places / pool;
        let numbers = self.batch * (places + self.time) * filters;
        let flops = 2 * self.batch * places * window * d_input * filters;
        self.add((window * d_input + 1) * filters, [2 * numbers, numbers], flops)
    }

    /// An LSTM of 4 gates or a GRU of 3, with the outputs of all steps or only the last one.
    fn recurrent(mut self, [gates, ways]: [usize; 2], d_input: usize, hidden: usize, all: bool) -> Self {
        let (steps, width, biases) = (self.batch * self.time, ways * hidden, if gates == 3 { 2 } else { 1 });
        let of_inputs = 2 * steps * width * gates * d_input;
        let is_first = self.moved[0] == 0;
        self.walks.push((self.time, hidden));
        // Each row of the batch reads the weights in its own workgroup, or a product reads them for all rows.
        let readers = if hidden > WALKED { 1 } else { self.batch };
        if hidden > HELD {
            self.again += 4 * readers * self.time * width * gates * hidden;
        }
        // In a step: the inputs' part of the gates, what is kept (one more than gates), the state, and four gradients
        // (a GRU's candidate has two). If all outputs are wanted, also their gradient.
        let arrays = [2 * gates + 6, gates].map(|numbers| steps * width * (numbers + usize::from(all)));
        let flops = of_inputs + 2 * steps * width * gates * hidden;
        self = self.add(width * gates * (d_input + hidden + biases), arrays, flops);
        if is_first {
            // The input is data, which needs no gradient.
            self.moved = self.moved.map(|moved| moved + steps * d_input);
            self.flops[0] -= of_inputs;
        }
        self
    }

    fn dense(self, rows: usize, d_input: usize, units: usize) -> Self {
        self.add((d_input + 1) * units, [2 * rows * units, rows * units], 2 * rows * d_input * units)
    }

    fn bytes(&self) -> [usize; 2] {
        [4 * (self.moves * self.parameters + self.moved[0]), 4 * (self.parameters - self.tables + self.moved[1])]
    }

    /// Microseconds of memory, products, waiting steps, weights read again, and launches.
    fn terms(&self, device: &Device, pass: usize, launches: usize) -> [f64; 5] {
        let step = |hidden: usize| {
            let wait = if hidden > WALKED { GRID } else { 2.0 * BARRIER / device.clock };
            wait + (READ + ADD * hidden as f64) / device.clock
        };
        let walks: f64 = self.walks.iter().map(|&(steps, hidden)| steps as f64 * step(hidden)).sum();
        let memory = self.bytes()[pass] as f64 / (device.memory * 1e3);
        let products = self.flops[pass] as f64 / (device.peak * 1e6);
        let again = self.again as f64 / (device.cache * 1e3);
        // A step walks forward and back.
        let walked = [2.0, 1.0][pass];
        [memory, products, walked * walks / 1e3, walked * again, launches as f64 * LAUNCH]
    }
}

/// The tasks of benchmarks/src/tasks.rs.
fn tasks() -> [Task; 9] {
    let classifier = |name, gates, target| {
        let task = Task::new(name, 64, 300, [0, 12]).lookup(8_185, 64).recurrent([gates, 2], 64, 64, false);
        Task { target, ..task.dense(64, 128, 64).dense(64, 64, 1) }
    };
    let wide = |name, gates, units, launches| {
        Task::new(name, 32, 100, launches).recurrent([gates, 1], units, units, false).dense(32, units, 1)
    };
    let conv_bilstm = Task::new("conv_bilstm", 64, 200, [0, 18]).lookup(10_000, 200).conv([5, 4], 200, 64);
    let conv_bilstm = conv_bilstm.recurrent([4, 2], 64, 64, true).recurrent([4, 2], 128, 32, false).dense(64, 64, 1);
    let product = Task::new("gru_product", 32, 100, [0, 8]).recurrent([3, 1], 2, 30, true);
    let language = Task::new("lm_650", 20, 35, [380, 150]).lookup(0, 650).recurrent([4, 1], 650, 650, true);
    [
        Task { target: 64, ..conv_bilstm },
        classifier("bilstm", 4, 49),
        classifier("bigru", 3, 51),
        Task { target: 31, ..product.recurrent([3, 1], 30, 30, false).dense(32, 30, 1) },
        wide("lstm_256", 4, 256, [33, 5]),
        wide("lstm_512", 4, 512, [535, 204]),
        wide("gru_256", 3, 256, [36, 5]),
        wide("gru_512", 3, 512, [535, 204]),
        Task { moves: 5, ..language.recurrent([4, 1], 650, 650, true).dense(20 * 35, 650, 10_000) },
    ]
}

/// The launches of a step that BENCHMARKS.md has counted.
fn counted(benchmarks: &str, task: &str) -> Option<usize> {
    let row = format!("| `{task}` | ");
    benchmarks.lines().find_map(|line| line.strip_prefix(row.as_str())?.split(' ').next()?.parse().ok())
}

/// The JSON lines of a run on a device; no lines if there was none.
fn run_on(root: &Path, device: &Device) -> Result<Vec<Value>> {
    let path = root.join("results/gpu").join(device.file);
    let text = if path.exists() { std::fs::read_to_string(&path)? } else { String::new() };
    text.lines().map(|line| serde_json::from_str(line).with_context(|| path.display().to_string())).collect()
}

/// The tables of docs/design/gpu-floor.md.
fn tables(root: &Path) -> Result<String> {
    let benchmarks = std::fs::read_to_string(root.join("BENCHMARKS.md")).context("cannot read BENCHMARKS.md")?;
    let runs = DEVICES.iter().map(|device| run_on(root, device)).collect::<Result<Vec<_>>>()?;
    let mut text = "| task | parameters | MB | GFLOP | waiting steps | launches | target |\n\
                    |---|---|---|---|---|---|---|\n"
        .to_owned();
    for task in tasks() {
        let [mb, mb_forward] = task.bytes().map(|bytes| bytes as f64 / 1e6);
        let [gflop, gflop_forward] = task.flops.map(|flops| flops as f64 / 1e9);
        let steps: usize = task.walks.iter().map(|(steps, _)| steps).sum();
        let [estimate, forward] = task.launches;
        let launches = counted(&benchmarks, task.name).map_or(format!("≈ {estimate}"), |count| count.to_string());
        let target = if task.target > 0 { task.target.to_string() } else { "none".to_owned() };
        let (name, parameters, walked) = (task.name, task.parameters, 2 * steps);
        write!(text, "| {name} | {parameters} | {mb:.1}, {mb_forward:.1} | {gflop:.2}, {gflop_forward:.2} ")?;
        writeln!(text, "| {walked}, {steps} | {launches}, ≈ {forward} | {target} |")?;
    }
    for (pass, title, key) in [(0, "training step", "step_ms"), (1, "forward pass", "forward_ms")] {
        let columns = ["memory", "products", "waiting steps", "weights again", "launches"];
        let (named, line) = (columns.join(" | "), "---|".repeat(11));
        writeln!(text, "\n| {title} | GPU | {named} | sum | largest | at the target | measured |\n|{line}")?;
        for task in tasks() {
            let launches = counted(&benchmarks, task.name).filter(|_| pass == 0).unwrap_or(task.launches[pass]);
            for (device, run) in DEVICES.iter().zip(&runs) {
                let terms = task.terms(device, pass, launches);
                let [memory, products, steps, again, launched] = terms;
                let rest = memory.max(products) + steps + again;
                let largest = (0..terms.len()).max_by(|&one, &other| terms[one].total_cmp(&terms[other])).unwrap_or(0);
                let at_target = (pass == 0 && task.target > 0).then_some(rest + task.target as f64 * LAUNCH);
                let measured = run.iter().find(|line| line["task"] == task.name).and_then(|line| line[key].as_f64());
                let shown = |time: Option<f64>| time.map_or(String::new(), |time| format!(" {time:.0}"));
                write!(text, "| {} | {} |", task.name, device.name)?;
                write!(text, "{} |", terms.map(|term| shown(Some(term))).join(" |"))?;
                write!(text, " {:.0} | {} |", rest + launched, columns[largest])?;
                writeln!(text, "{} |{} |", shown(at_target), shown(measured.map(|time| time * 1e3)))?;
            }
        }
    }
    Ok(text)
}

/// Prints the tables, and writes them to their page.
pub(crate) fn gpu_floor(root: &Path) -> Result<()> {
    let (path, tables) = (root.join("docs/design/gpu-floor.md"), tables(root)?);
    println!("{tables}");
    let page = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(std::fs::write(&path, with_table(&page, "gpu-floor", &tables)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str) -> Task {
        tasks().into_iter().find(|task| task.name == name).unwrap()
    }

    #[test]
    fn the_amounts_of_gru_product_are_those_worked_out_by_hand() {
        let task = task("gru_product");
        // Kernels, recurrent kernels and two biases: (2 + 30 + 2) * 90 and (30 + 30 + 2) * 90; then 30 + 1.
        assert_eq!(task.parameters, 3_060 + 5_580 + 31);
        // 3,200 steps of 2 * (2 + 30) * 90 and 2 * (30 + 30) * 90, and 32 rows of 2 * 30; no gradient of two inputs.
        let forward = 3_200 * (5_760 + 10_800) + 1_920;
        assert_eq!(task.flops, [3 * forward - 3_200 * 360, forward]);
        // Parameters, data, and 30 units with 13 and 12 numbers a step (forward 4 and 3), and the output.
        let in_step = 8 * 8_671 + 6_400 + 2 * (3_200 * 30 * 25 + 64);
        let in_forward = 8_671 + 6_400 + 2 * (3_200 * 30 * 7 + 32);
        assert_eq!(task.bytes(), [4 * in_step, 4 * in_forward]);
        assert_eq!((task.walks, task.again), (vec![(100, 30), (100, 30)], 0));
    }

    #[test]
    fn models_have_the_parameters_that_the_documents_state() {
        assert_eq!(["conv_bilstm", "gru_product"].map(|name| task(name).parameters), [2_171_393, 8_671]);
    }

    #[test]
    fn terms_are_those_worked_out_by_hand() {
        // 19.50 MB, 157.8 MFLOP, 400 steps of 120 + 270 + 120 clocks; then 257.2 MB, 33.55 GFLOP, 200 steps of 1,500 ns
        // and 270 + 2,048 clocks, and 200 times 4 MiB.
        let cases = [
            ("gru_product", 51, [5.822, 2.356, 103.030, 0.0, 357.0]),
            ("lstm_512", 1, [76.790, 500.814, 534.141, 152.520, 7.0]),
        ];
        for (name, launches, expected) in cases {
            for (term, expected) in task(name).terms(&DEVICES[0], 0, launches).into_iter().zip(expected) {
                assert!((term - expected).abs() < 1e-3, "{name}: {term}, not {expected}");
            }
        }
    }

    #[test]
    fn sizes_are_those_of_the_benchmarks_and_the_kernels() {
        let read = |path| std::fs::read_to_string(path).unwrap();
        let source = read("../benchmarks/src/tasks.rs") + &read("../crates/kiln-kernels/src/recurrent/gpu/plan.rs");
        let sizes = [
            "TASKS: [(&str, Task); 9]",
            "Self::ConvBiLstm | Self::Classifier(_) => 64,",
            "Self::Product | Self::Wide(..) => 32,",
            "Self::Language => 20,",
            "Self::ConvBiLstm => 200,",
            "Self::Classifier(_) => 300,",
            "Self::Product | Self::Wide(..) => 100,",
            "Self::Language => 35,",
            "LanguageModelConfig::new(10_000).d_embedding(650).d_hidden(vec![650, 650])",
            "VOCAB: usize = 8_185;",
        ];
        let widest =
            [("HELD", HELD), ("WALKED", WALKED)].map(|(name, units)| format!("WIDEST_{name}: usize = {units};"));
        let names = tasks().map(|task| format!("(\"{}\", Task::", task.name));
        for words in sizes.into_iter().chain(widest.iter().chain(&names).map(String::as_str)) {
            assert!(source.contains(words), "'{words}' has changed: change it here too");
        }
    }

    #[test]
    fn a_run_on_a_gpu_and_counted_launches_are_in_the_tables() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(root.path().join(name), text).unwrap();
        std::fs::create_dir_all(root.path().join("results/gpu")).unwrap();
        write("BENCHMARKS.md", "| `bilstm` | 80 | 55,420 |\n");
        write("results/gpu/m3.jsonl", "{\"task\": \"bilstm\", \"step_ms\": 4.5, \"forward_ms\": 1.25}\n");
        let text = tables(root.path()).unwrap();
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| bilstm | M3 |")).collect();
        assert!(rows[0].contains(" | 560 | ") && rows[0].ends_with(" | 4500 |"), "{}", rows[0]);
        assert!(rows[1].contains(" | 84 | ") && rows[1].ends_with(" | 1250 |"), "{}", rows[1]);
    }

    #[test]
    fn the_page_has_the_tables() {
        let page = std::fs::read_to_string("../docs/design/gpu-floor.md").unwrap();
        assert!(page.contains(&tables(Path::new("..")).unwrap()), "`cargo xtask gpu-floor` writes them");
    }
}
