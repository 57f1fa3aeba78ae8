public import KuklaNumerics

extension TableConfiguration: CustomStringConvertible {
    /// Reads a method's word and, behind a colon, options parted by commas: `robe`, `qr:combine=sum`.
    ///
    /// - Throws: `KuklaError(.usage)` that names what is wrong, and the nearest known word, option or value.
    public init(parsing string: String) throws(KuklaError) {
        let parts = string.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let word = String(parts[0])
        guard let method = TableMethods.all.first(where: { $0.word == word }) else {
            let nearest = EditDistance.nearest(to: word, among: Self.knownWords) ?? "dense"
            throw KuklaError(
                .usage,
                "Unknown table '\(word)' in '\(string)'; did you mean '\(nearest)'? Known are "
                    + Self.knownWords.joined(separator: ", ") + ".")
        }
        var values: [String: String] = [:]
        if parts.count == 2 {
            for option in parts[1].split(separator: ",", omittingEmptySubsequences: false) {
                let pair = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
                    String.init)
                let name = pair[0]
                guard let known = method.options.first(where: { $0.name == name }) else {
                    throw Self.unknown(option: name, of: method, in: string)
                }
                guard pair.count == 2, values[name] == nil else {
                    throw KuklaError(
                        .usage,
                        "The option '\(name)' of '\(string)' "
                            + (pair.count == 2
                                ? "is there twice." : "has no value; write '\(name)=\(known.standard)'."))
                }
                values[name] = try known.canonical(pair[1], in: string)
                if values[name] == known.standard { values[name] = nil }
            }
        }
        self.init(word: word, values: values)
    }

    /// The words of all methods, of those for after training too.
    public static var knownWords: [String] { TableMethods.all.map { $0.word } }

    /// The word, and the options that are not at their defaults.
    public var description: String {
        let given = method.options.compactMap { option in values[option.name].map { "\(option.name)=\($0)" } }
        return given.isEmpty ? word : word + ":" + given.joined(separator: ",")
    }

    private static func unknown(option: String, of method: any TableMethod.Type, in string: String)
        -> KuklaError
    {
        let names = method.options.map(\.name)
        guard let nearest = EditDistance.nearest(to: option, among: names) else {
            return KuklaError(
                .usage, "The table '\(method.word)' has no options; '\(string)' gives '\(option)'.")
        }
        return KuklaError(
            .usage,
            "The table '\(method.word)' has no option '\(option)' ('\(string)'); did you mean '\(nearest)'? It has "
                + names.joined(separator: ", ") + ".")
    }

    /// The value of an option of this configuration's method.
    func text(_ name: String) -> String {
        let option = method.options.first { $0.name == name }
        // A method asks for the options that it declares: another name is a mistake in its code, not in data.
        contract(option != nil, "TableConfiguration: '\(word)' has no option '\(name)'")
        return values[name] ?? option?.standard ?? ""
    }

    /// The value of a whole-number option; nil where it is `auto`.
    func integer(_ name: String) -> Int? { Int(text(name)) }

    /// The value of a numeric option.
    func number(_ name: String) -> Double { Double(text(name)) ?? .nan }

    /// A copy with an option set.
    func setting(_ name: String, to value: String) -> TableConfiguration {
        var values = values
        values[name] = value
        return TableConfiguration(word: word, values: values)
    }
}
