//! Text tables with aligned numbers.

/// Lines of columns as wide as their widest cell: the first one is aligned left, the others right. A row with fewer
/// cells than there are heads ends early.
#[must_use]
pub fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heads[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: &[&str]| {
        let cells = cells.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let rule: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
    let rule: Vec<&str> = rule.iter().map(String::as_str).collect();
    let mut lines = vec![line(heads), line(&rule)];
    lines.extend(rows.iter().map(|row| line(&row.iter().map(String::as_str).collect::<Vec<_>>())));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_below_each_other() {
        let rows = [vec!["LSTM".to_owned(), "1.5".to_owned()], vec!["Embedding".to_owned(), "12.25".to_owned()]];
        let expected = "layer         ms\n---------  -----\nLSTM         1.5\nEmbedding  12.25";
        assert_eq!(table(&["layer", "ms"], &rows), expected);
        assert_eq!(table(&["a", "bc"], &[]), "a  bc\n-  --");
    }
}
