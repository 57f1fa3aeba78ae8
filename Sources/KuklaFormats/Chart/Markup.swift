import Foundation

/// Text and numbers as they must stand in SVG and HTML.
package enum Markup {
    /// `text` for use between tags or inside a quoted attribute.
    ///
    /// Control characters, which XML cannot hold in any form, become U+FFFD so that a file name with one
    /// does not break the page.
    package static func escape(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            case "\t", "\n", "\r": out.unicodeScalars.append(scalar)
            case _
            where scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
                || scalar.value & 0xFFFE == 0xFFFE:
                out += "\u{FFFD}"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    /// A coordinate: at most two decimals, no trailing zeros, a point whatever the locale.
    package static func coordinate(_ value: Double) -> String {
        let hundredths = (value * 100).rounded()
        guard hundredths.isFinite, abs(hundredths) < 1e15 else { return "0" }
        let number = Int(hundredths)
        let fraction = abs(number % 100)
        let sign = number < 0 ? "-" : ""
        let whole = abs(number / 100)
        if fraction == 0 { return "\(sign)\(whole)" }
        return fraction % 10 == 0
            ? "\(sign)\(whole).\(fraction / 10)" : "\(sign)\(whole).\(fraction < 10 ? "0" : "")\(fraction)"
    }
}
