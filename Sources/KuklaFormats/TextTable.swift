/// A table of words: for the terminal, aligned by what characters really take there, or in Markdown.
public struct TextTable: Sendable {
    /// Where a column's text stands.
    public enum Alignment: Sendable { case left, right }

    /// A column's title and alignment.
    public struct Column: Sendable {
        public var title: String
        public var alignment: Alignment

        public init(_ title: String, _ alignment: Alignment = .left) {
            self.title = title
            self.alignment = alignment
        }
    }

    public var columns: [Column]
    /// One cell a column; a shorter row ends in empty cells.
    public var rows: [[String]]

    public init(columns: [Column], rows: [[String]] = []) {
        self.columns = columns
        self.rows = rows
    }

    /// Title line, rule, a line a row; two blanks between columns, no blanks at the end of a line.
    public func text() -> String {
        let lines = [columns.map(\.title)] + rows.map { $0.map(Self.singleLine) }
        let widths = columns.indices.map { column in
            lines.map { column < $0.count ? Self.width(of: $0[column]) : 0 }.max() ?? 0
        }
        func render(_ cells: [String]) -> String {
            var line = ""
            for (index, column) in columns.enumerated() {
                let cell = index < cells.count ? cells[index] : ""
                let blanks = String(repeating: " ", count: widths[index] - Self.width(of: cell))
                line += (index > 0 ? "  " : "") + (column.alignment == .left ? cell + blanks : blanks + cell)
            }
            while line.hasSuffix(" ") { line.removeLast() }
            return line
        }
        let rule = widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ")
        return ([render(lines[0]), rule] + lines.dropFirst().map(render)).joined(separator: "\n") + "\n"
    }

    /// The table in Markdown; a bar in a cell is escaped.
    public func markdown() -> String {
        func line(_ cells: [String]) -> String {
            let padded = cells + Array(repeating: "", count: max(0, columns.count - cells.count))
            return "| " + padded.joined(separator: " | ") + " |\n"
        }
        let lines = [columns.map(\.title)] + rows
        let escaped = lines.map { $0.map { Self.singleLine($0).replacing("|", with: "\\|") } }
        return line(escaped[0]) + line(columns.map { _ in "---" }) + escaped.dropFirst().map(line).joined()
    }

    /// Line ends, tabs and escape characters as blanks: a cell may hold any text and must not move the cursor.
    private static func singleLine(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) ? " " : $0 }))
    }

    /// How many terminal columns `text` takes: 2 for wide East Asian characters and emoji, 0 for marks that
    /// combine, 1 for the rest.
    public static func width(of text: String) -> Int {
        text.reduce(0) { sum, character in
            guard let first = character.unicodeScalars.first else { return sum }
            if character.unicodeScalars.contains(where: { $0.value == 0xFE0F }) { return sum + 2 }
            return sum + width(of: first)
        }
    }

    private static func width(of scalar: Unicode.Scalar) -> Int {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: break
        }
        // The blocks that Unicode's EastAsianWidth marks W or F, without the gaps.
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
            0xA000...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF,
            0x1FA70...0x1FAFF, 0x20000...0x3FFFD:
            return 2
        default: return 1
        }
    }
}
