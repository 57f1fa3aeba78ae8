import Foundation

/// Numbers as people read them, the same in every locale.
public enum Quantity {
    /// `1234567` as `1,234,567`.
    public static func count(_ value: Int) -> String {
        let digits = String(value.magnitude)
        var out = value < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { out += "," }
            out.append(digit)
        }
        return out
    }

    /// Bytes in decimal units with three digits: `48 B`, `3.02 MB`, `1.54 GB`.
    public static func bytes(_ value: Int) -> String {
        var amount = Double(value)
        var unit = "B"
        for next in ["kB", "MB", "GB", "TB"] where abs(amount) >= 999.5 {
            amount /= 1000
            unit = next
        }
        return "\(unit == "B" ? String(value) : significant(amount)) \(unit)"
    }

    /// Bytes a vector, which codebooks make fractional: `48`, `48.2`, `1,536`.
    public static func bytesPerVector(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 1e15 { return count(Int(value)) }
        return value >= 999.5 && value < 1e15 ? count(Int(value.rounded())) : significant(value)
    }

    /// A rate with about three digits: `12.3`, `1,840`.
    public static func rate(_ value: Double) -> String {
        value.isFinite && value >= 99.5 && value < 1e15 ? count(Int(value.rounded())) : significant(value)
    }

    /// A fraction of 1 with `decimals` places: `0.953`.
    public static func fraction(_ value: Double, decimals: Int = 3) -> String {
        String(format: "%.\(decimals)f", value)
    }

    /// Three significant digits without an exponent or trailing zeros, for values of everyday size.
    package static func significant(_ value: Double) -> String {
        guard value.isFinite, value != 0 else { return value == 0 ? "0" : "\(value)" }
        let magnitude = Int(floor(log10(abs(value))))
        guard (-5..<15).contains(magnitude) else { return String(format: "%.2e", value) }
        var text = String(format: "%.\(max(0, 2 - magnitude))f", value)
        if text.contains(".") {
            while text.hasSuffix("0") { text.removeLast() }
            if text.hasSuffix(".") { text.removeLast() }
        }
        return text
    }
}
