//! Elastic tab stops: cells end with a tab, and cells of lines that follow one another form a column as wide as its
//! widest cell. The rules are those of Go's text/tabwriter, which shapes all of kubectl's output.

/// Lays out text in columns.
#[derive(Clone, Debug)]
pub struct Tabs {
    min_width: usize,
    padding: usize,
    /// Widths of columns printed before, for tables that grow line by line.
    remembered: Option<Vec<usize>>,
}

impl Tabs {
    /// For tables: columns at least 6 wide, 3 apart, and never narrower than they have been.
    #[must_use]
    pub fn table() -> Self {
        Self {
            min_width: 6,
            padding: 3,
            remembered: Some(Vec::new()),
        }
    }

    /// For descriptions: columns 2 apart.
    #[must_use]
    pub fn description() -> Self {
        Self {
            min_width: 0,
            padding: 2,
            remembered: None,
        }
    }

    /// Lays out complete lines.
    pub fn layout(&mut self, text: &str) -> String {
        let complete = text.strip_suffix('\n').unwrap_or(text);
        let lines: Vec<Vec<&str>> = complete
            .split('\n')
            .map(|line| line.split('\t').collect())
            .collect();
        let mut out = String::with_capacity(text.len() * 2);
        self.format(&lines, &mut Vec::new(), &mut out);
        out
    }

    /// Lays out lines whose first columns have the given widths.
    fn format(&mut self, lines: &[Vec<&str>], widths: &mut Vec<usize>, out: &mut String) {
        let column = widths.len();
        let reaches = |line: &Vec<&str>| column + 1 < line.len();
        let mut printed = 0;
        let mut at = 0;
        while at < lines.len() {
            if !reaches(&lines[at]) {
                at += 1;
                continue;
            }
            write_lines(&lines[printed..at], widths, out);
            let run = lines[at..].iter().take_while(|line| reaches(line)).count();
            let block = &lines[at..at + run];
            widths.push(self.width(column, block));
            self.format(block, widths, out);
            widths.pop();
            at += run;
            printed = at;
        }
        write_lines(&lines[printed..], widths, out);
    }

    fn width(&mut self, column: usize, block: &[Vec<&str>]) -> usize {
        let cells = block
            .iter()
            .map(|line| line[column].chars().count() + self.padding);
        let mut width = cells.max().unwrap_or(0).max(self.min_width);
        if let Some(remembered) = &mut self.remembered {
            if remembered.len() <= column {
                remembered.resize(column + 1, 0);
            }
            width = width.max(remembered[column]);
            remembered[column] = width;
        }
        width
    }
}

fn write_lines(lines: &[Vec<&str>], widths: &[usize], out: &mut String) {
    for line in lines {
        for (index, cell) in line.iter().enumerate() {
            out.push_str(cell);
            if let Some(width) = widths.get(index) {
                let missing = width.saturating_sub(cell.chars().count());
                out.extend(std::iter::repeat_n(' ', missing));
            }
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_neighbouring_lines_form_columns() {
        let text = "a\tbbb\tc\naaaa\tb\tc\nno cells\nx\ty\n";
        let expected = "a     bbb  c\naaaa  b    c\nno cells\nx  y\n";
        assert_eq!(Tabs::description().layout(text), expected);
    }

    #[test]
    fn a_table_is_never_narrower_than_it_was() {
        let mut tabs = Tabs::table();
        assert_eq!(tabs.layout("NAME\tREADY\tAGE\n"), "NAME   READY   AGE\n");
        assert_eq!(
            tabs.layout("a-long-name\t1/1\t5s\n"),
            "a-long-name   1/1     5s\n"
        );
        assert_eq!(tabs.layout("w\t1/1\t5s\n"), "w             1/1     5s\n");
    }

    #[test]
    fn a_line_that_ends_with_a_tab_keeps_its_last_column() {
        assert_eq!(
            Tabs::description().layout("Ready \tTrue \n"),
            "Ready   True \n"
        );
        assert_eq!(
            Tabs::description().layout("a:\t\nlong:\tx\n"),
            "a:     \nlong:  x\n"
        );
    }
}
