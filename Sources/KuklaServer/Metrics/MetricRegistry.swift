import KuklaNumerics

/// Numbers that Prometheus reads (text format 0.0.4).
final class MetricRegistry: Sendable {
    /// How a metric is read.
    enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    private struct Histogram {
        /// Values up to each bound, not summed up.
        var counts: [Int] = []
        var sum = 0.0
        var count = 0

        mutating func add(_ value: Double, bounds: [Double]) {
            if counts.isEmpty { counts = [Int](repeating: 0, count: bounds.count) }
            if let place = bounds.firstIndex(where: { value <= $0 }) { counts[place] += 1 }
            sum += value
            count += 1
        }
    }

    private struct Family {
        let kind: Kind
        let help: String
        let bounds: [Double]
        var values: [String: Double] = [:]
        var histograms: [String: Histogram] = [:]
    }

    private let families = Guarded([String: Family]())

    /// Declares a metric; `bounds` are the upper ends of a histogram's buckets, rising.
    func declare(_ name: String, _ kind: Kind, _ help: String, bounds: [Double] = []) {
        families.withLock { $0[name] = Family(kind: kind, help: help, bounds: bounds) }
    }

    func add(_ amount: Double = 1, to name: String, _ labels: [(String, String)] = []) {
        families.withLock { $0[name]?.values[Self.written(labels), default: 0] += amount }
    }

    func set(_ name: String, to value: Double, _ labels: [(String, String)] = []) {
        families.withLock { $0[name]?.values[Self.written(labels)] = value }
    }

    /// Forgets the values of a gauge: those of collections that are gone must not stay.
    func clear(_ name: String) { families.withLock { $0[name]?.values = [:] } }

    func observe(_ value: Double, in name: String, _ labels: [(String, String)] = []) {
        let key = Self.written(labels)
        families.withLock { families in
            guard let bounds = families[name]?.bounds else { return }
            families[name]?.histograms[key, default: Histogram()].add(value, bounds: bounds)
        }
    }

    /// The quantile of what a histogram has seen under any of some labels, interpolated within its bucket; nil where it has seen nothing.
    func quantile(_ quantile: Double, of name: String, under labels: [[(String, String)]]) -> Double? {
        let keys = labels.map(Self.written)
        return families.withLock { families in
            guard let family = families[name] else { return nil }
            var counts = [Int](repeating: 0, count: family.bounds.count)
            var total = 0
            for histogram in keys.compactMap({ family.histograms[$0] }) {
                for place in counts.indices { counts[place] += histogram.counts[place] }
                total += histogram.count
            }
            guard total > 0 else { return nil }
            let wanted = quantile * Double(total)
            var below = 0.0
            for (place, count) in counts.enumerated() {
                if below + Double(count) >= wanted, count > 0 {
                    let low = place == 0 ? 0 : family.bounds[place - 1]
                    return low + (family.bounds[place] - low) * (wanted - below) / Double(count)
                }
                below += Double(count)
            }
            return family.bounds.last
        }
    }

    /// The sum of a counter over all labels.
    func total(_ name: String) -> Double { families.withLock { $0[name]?.values.values.reduce(0, +) ?? 0 } }

    /// All metrics as Prometheus reads them.
    var text: String {
        families.withLock { families in
            var text = ""
            for (name, family) in families.sorted(by: { $0.key < $1.key }) {
                text += "# HELP \(name) \(family.help)\n# TYPE \(name) \(family.kind.rawValue)\n"
                for (labels, value) in family.values.sorted(by: { $0.key < $1.key }) {
                    text += "\(name)\(labels.isEmpty ? "" : "{\(labels)}") \(Self.written(value))\n"
                }
                for (labels, histogram) in family.histograms.sorted(by: { $0.key < $1.key }) {
                    let prefix = labels.isEmpty ? "" : labels + ","
                    var below = 0
                    for (bound, count) in zip(family.bounds, histogram.counts) {
                        below += count
                        text += "\(name)_bucket{\(prefix)le=\"\(Self.written(bound))\"} \(below)\n"
                    }
                    text += "\(name)_bucket{\(prefix)le=\"+Inf\"} \(histogram.count)\n"
                    let own = labels.isEmpty ? "" : "{\(labels)}"
                    text += "\(name)_sum\(own) \(Self.written(histogram.sum))\n"
                    text += "\(name)_count\(own) \(histogram.count)\n"
                }
            }
            return text
        }
    }

    private static func written(_ value: Double) -> String {
        value == value.rounded() && value.magnitude < 1e15 ? String(Int(value)) : String(value)
    }

    private static func written(_ labels: [(String, String)]) -> String {
        labels.map { key, value in
            // Each request writes some: most need no escapes.
            let isPlain = value.utf8.allSatisfy {
                $0 != UInt8(ascii: "\\") && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\n")
            }
            if isPlain { return "\(key)=\"\(value)\"" }
            let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
                .replacing("\n", with: "\\n")
            return "\(key)=\"\(escaped)\""
        }.joined(separator: ",")
    }
}
