public import KuklaNumerics

/// How the vectors of a schema are stored: a method and its options, parsed from and printed as a string.
///
/// `qr:combine=sum`, `unified:rows=20000,lookups=user*2+movie*2`: the method's word, then options that differ from their defaults.
public struct TableConfiguration: Sendable, Hashable {
    /// The method's word.
    public let word: String
    /// Options that were given, by name.
    let values: [String: String]

    init(word: String, values: [String: String] = [:]) {
        self.word = word
        self.values = values
    }

    /// The words of all methods that can be trained.
    public static var methodWords: [String] { TableMethods.trained.map { $0.word } }

    /// What the method of that word does, in a line; nil where there is none.
    public static func summary(of word: String) -> String? {
        TableMethods.all.first { $0.word == word }?.summary
    }

    /// The options of the method of that word, each with its default and meaning, a line each.
    public static func options(of word: String) -> [String] {
        (TableMethods.all.first { $0.word == word }?.options ?? []).map {
            "\($0.name)=\($0.standard): \($0.meaning)"
        }
    }

    /// The smallest budget that the method can meet, in bytes.
    ///
    /// - Throws: `KuklaError(.usage)` where the options do not fit the schema.
    public func floor(for schema: TableSchema) throws(KuklaError) -> Int { try method.floor(self, schema) }

    /// A table of this kind with random numbers in it.
    ///
    /// - Parameters:
    ///   - budget: bytes that the served table may take; nil: no limit, and the method's least compression.
    /// - Throws: `KuklaError(.usage)` for a budget below the floor (and says the floor), or options that do not fit.
    public func make(
        for schema: TableSchema, budget: Int? = nil, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        if let budget { try check(budget, floor: floor(for: schema), for: schema) }
        return try method.make(self, schema, budget: budget, seed: seed)
    }

    /// - Throws: `KuklaError(.usage)` for a budget below the floor, and says the floor.
    func check(_ budget: Int, floor: Int, for schema: TableSchema) throws(KuklaError) {
        guard budget < floor else { return }
        let share = Double(floor) / Double(schema.denseByteCount)
        // An option may ask for more than the method needs: unified:rows=20000.
        let plain = try? TableConfiguration(parsing: word).floor(for: schema)
        let remedy: String
        if let plain, plain <= budget {
            remedy = "'\(word)' without options, which needs \(plain)"
        } else {
            let others = ["unified", "robe", "dhe"].filter { $0 != word }
            remedy = "another method: \(others.joined(separator: ", ")) go lowest"
        }
        throw KuklaError(
            .usage,
            "Cannot make the table '\(self)' within \(budget) bytes: its floor for \(schema.idCount) ids of width "
                + "\(schema.width) is \(floor) bytes (\(percent(share)) of a float row for each id). "
                + "Give it that much, or take \(remedy).")
    }

    var method: any TableMethod.Type {
        let method = TableMethods.all.first { $0.word == word }
        // `init(parsing:)` lets no other word in.
        contract(method != nil, "TableConfiguration: no method '\(word)'")
        return method ?? DenseTable.self
    }
}

/// A share as a percentage with three digits.
func percent(_ share: Double) -> String {
    let hundredths = (share * 10_000).rounded(.up) / 100
    return "\(hundredths)%"
}
