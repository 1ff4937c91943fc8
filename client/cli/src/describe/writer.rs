//! Lines of a description, indented by level.

/// Collects the lines of a description. Cells end with a tab.
#[derive(Debug, Default)]
pub(super) struct Writer {
    text: String,
    base: usize,
}

impl Writer {
    /// A line at a level.
    pub(super) fn line(&mut self, level: usize, text: impl AsRef<str>) {
        self.part(level, text);
        self.text.push('\n');
    }

    /// A label with its value.
    pub(super) fn field(&mut self, level: usize, label: &str, value: impl AsRef<str>) {
        self.line(level, format!("{label}:\t{}", value.as_ref()));
    }

    /// The beginning of a line.
    pub(super) fn part(&mut self, level: usize, text: impl AsRef<str>) {
        self.text
            .extend(std::iter::repeat_n("  ", self.base + level));
        for c in text.as_ref().chars() {
            match c {
                // What would command the terminal is shown instead.
                '\u{1b}' => self.text.push_str("^["),
                '\r' => self.text.push_str("\\r"),
                c => self.text.push(c),
            }
        }
    }

    /// A value in the second column: beside the label that was begun, or below the value before.
    pub(super) fn line_under(&mut self, text: &str) {
        self.text.push('\t');
        self.raw_line(text);
    }

    /// The rest of a line that was begun.
    pub(super) fn raw_line(&mut self, text: &str) {
        let base = std::mem::take(&mut self.base);
        self.line(0, text);
        self.base = base;
    }

    /// Writes something that counts its levels from here on.
    pub(super) fn nested(&mut self, level: usize, write: impl FnOnce(&mut Self)) {
        self.base += level;
        write(self);
        self.base -= level;
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}
