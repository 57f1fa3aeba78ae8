import KuklaNumerics

extension Schedule: Codable {
    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// What was written for one kind, and the names that it may have.
    private struct Fields {
        let container: KeyedDecodingContainer<Key>

        init(_ container: KeyedDecodingContainer<Key>, _ known: [String]) throws {
            self.container = container
            for key in container.allKeys where !known.contains(key.stringValue) {
                throw Schedule.unknown(key, known, container.codingPath)
            }
        }

        func value<Value: Decodable>(_ name: String, or fallback: Value? = nil) throws -> Value {
            let key = Key(stringValue: name)
            if let fallback { return try container.decodeIfPresent(Value.self, forKey: key) ?? fallback }
            return try container.decode(Value.self, forKey: key)
        }
    }

    private static let fields: [String: [String]] = [
        "constant": ["rate", "warmup"],
        "linear": ["rate", "warmup", "total", "floor"],
        "cosine": ["rate", "warmup", "total", "floor"],
        "step": ["rate", "every", "factor"],
        "one_cycle": ["rate", "total", "rise", "start", "end"],
        "inverse_square_root": ["rate", "warmup"],
    ]

    private static func unknown(_ key: Key, _ known: [String], _ path: [any CodingKey]) -> DecodingError {
        let near = EditDistance.likely(key.stringValue, among: known)
        return .dataCorrupted(
            .init(
                codingPath: path + [key],
                debugDescription: "\"\(key.stringValue)\" is unknown in a schedule; "
                    + (near.map { "did you mean \"\($0)\"?" }
                        ?? "known are \(known.joined(separator: ", "))")))
    }

    public init(from decoder: any Decoder) throws {
        let outer = try decoder.container(keyedBy: Key.self)
        guard let kind = outer.allKeys.first, outer.allKeys.count == 1 else {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: decoder.codingPath,
                    debugDescription: "a schedule has one key, its kind: \(Schedule.fields.keys.sorted())"))
        }
        guard let names = Schedule.fields[kind.stringValue] else {
            throw Schedule.unknown(kind, Schedule.fields.keys.sorted(), decoder.codingPath)
        }
        let fields = try Fields(outer.nestedContainer(keyedBy: Key.self, forKey: kind), names)
        let rate: Float = try fields.value("rate")
        switch kind.stringValue {
        case "constant": self = .constant(rate: rate, warmup: try fields.value("warmup", or: 0))
        case "linear", "cosine":
            let warmup = try fields.value("warmup", or: 0)
            let total: Int = try fields.value("total")
            let floor: Float = try fields.value("floor", or: 0)
            self =
                kind.stringValue == "linear"
                ? .linear(rate: rate, warmup: warmup, total: total, floor: floor)
                : .cosine(rate: rate, warmup: warmup, total: total, floor: floor)
        case "step":
            self = .step(rate: rate, every: try fields.value("every"), factor: try fields.value("factor"))
        case "one_cycle":
            self = .oneCycle(
                rate: rate, total: try fields.value("total"), rise: try fields.value("rise", or: 0.3),
                start: try fields.value("start", or: 25), end: try fields.value("end", or: 1e4))
        default: self = .inverseSquareRoot(rate: rate, warmup: try fields.value("warmup"))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var outer = encoder.container(keyedBy: Key.self)
        func encode(
            _ kind: String, _ fields: KeyValuePairs<String, Float>, _ counts: KeyValuePairs<String, Int> = [:]
        )
            throws
        {
            var container = outer.nestedContainer(keyedBy: Key.self, forKey: Key(stringValue: kind))
            for (name, value) in fields { try container.encode(value, forKey: Key(stringValue: name)) }
            for (name, value) in counts { try container.encode(value, forKey: Key(stringValue: name)) }
        }
        switch self {
        case .constant(let rate, let warmup): try encode("constant", ["rate": rate], ["warmup": warmup])
        case .linear(let rate, let warmup, let total, let floor):
            try encode("linear", ["rate": rate, "floor": floor], ["warmup": warmup, "total": total])
        case .cosine(let rate, let warmup, let total, let floor):
            try encode("cosine", ["rate": rate, "floor": floor], ["warmup": warmup, "total": total])
        case .step(let rate, let every, let factor):
            try encode("step", ["rate": rate, "factor": factor], ["every": every])
        case .oneCycle(let rate, let total, let rise, let start, let end):
            try encode(
                "one_cycle", ["rate": rate, "rise": rise, "start": start, "end": end], ["total": total])
        case .inverseSquareRoot(let rate, let warmup):
            try encode("inverse_square_root", ["rate": rate], ["warmup": warmup])
        }
    }
}
