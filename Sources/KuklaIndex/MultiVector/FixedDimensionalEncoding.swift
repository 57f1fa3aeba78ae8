public import KuklaNumerics

/// How a set of vectors becomes one long vector whose inner products approximate late interaction.
///
/// Written `FDE20x5x16`: 20 repetitions, 2^5 partitions each, projections to 16 dimensions; `FDE20x5` without
/// projection; `FDE20x5x16_2560` with a final projection to 2560; `FDE20x5x16(seed=7,fill=no)` with options.
/// `init(parsing:)` and `description` are inverse.
///
/// *Source:* Dhulipala, Hadian, Jayaram, Lee and Mirrokni 2024, "MUVERA: Multi-Vector Retrieval via Fixed Dimensional
/// Encodings", NeurIPS, arXiv:2405.19504.
public struct FixedDimensionalEncoding: Hashable, Sendable {
    /// How often space is partitioned anew, `1...1024`.
    public var repetitions: Int
    /// Random hyperplanes a repetition, which cut space into `2^partitionBits` parts, `0...16`.
    public var partitionBits: Int
    /// Dimensions that a partition's vector is projected to, fewer than the vectors have; `nil`: no projection.
    public var projection: Int?
    /// Dimensions of the whole, by one last random projection; `nil`: all of them.
    public var final: Int?
    /// Whether an empty partition of a document takes over the vector of the nearest that is not.
    public var fillsEmptyPartitions: Bool
    /// Queries and documents must be encoded by the same seed.
    public var seed: UInt64

    public init(
        repetitions: Int, partitionBits: Int, projection: Int? = nil, final: Int? = nil,
        fillsEmptyPartitions: Bool = true, seed: UInt64 = 1
    ) {
        self.repetitions = repetitions
        self.partitionBits = partitionBits
        self.projection = projection
        self.final = final
        self.fillsEmptyPartitions = fillsEmptyPartitions
        self.seed = seed
    }

    /// Components of the encoding of vectors of `inputDimensions`.
    ///
    /// - Throws: `KuklaError.usage` where a number is out of its range or the encoding of a size that no index takes.
    public func dimensions(of inputDimensions: Int) throws(KuklaError) -> Int {
        func refuse(_ what: String) -> KuklaError {
            KuklaError(.usage, "Cannot encode sets of vectors by '\(self)': \(what).")
        }
        guard (1...1024).contains(repetitions) else { throw refuse("1 to 1024 repetitions are possible") }
        guard (0...16).contains(partitionBits) else {
            throw refuse("0 to 16 bits of partitions are possible")
        }
        if let projection {
            guard projection >= 1, projection < inputDimensions else {
                throw refuse(
                    "the vectors have \(inputDimensions) dimensions, project to fewer or leave the projection out"
                )
            }
        }
        let width = projection ?? inputDimensions
        let all = repetitions << partitionBits
        // Bounds that no index of use reaches; they keep a damaged file from asking for all memory.
        guard width <= (1 << 20) / all, repetitions * (partitionBits + width) <= (1 << 26) / inputDimensions
        else {
            throw refuse(
                "\(all) partitions of \(width) dimensions are over 2^20; take fewer repetitions or bits, or project to fewer dimensions"
            )
        }
        if let final, !(1..<all * width).contains(final) {
            throw refuse("the last projection must be to fewer than its \(all * width) dimensions")
        }
        return final ?? all * width
    }
}

extension FixedDimensionalEncoding: CustomStringConvertible {
    /// - Throws: `KuklaError.usage` that says what is wrong.
    public init(parsing string: String) throws(KuklaError) {
        func malformed(_ what: String) -> KuklaError {
            KuklaError(
                .usage,
                "Cannot read the encoding '\(string)': \(what). Write for instance 'FDE20x5x16': 20 repetitions of 2^5 partitions, projected to 16 dimensions."
            )
        }
        func number(_ word: Substring) throws(KuklaError) -> Int {
            guard !word.isEmpty, word.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int(word)
            else {
                throw malformed("'\(word)' is no number")
            }
            return value
        }
        let open = string.firstIndex(of: "(") ?? string.endIndex
        guard string.hasPrefix("FDE") else { throw malformed("it does not begin with 'FDE'") }
        let ends = string[..<open].dropFirst(3).split(separator: "_", omittingEmptySubsequences: false)
        let sizes = ends[0].split(separator: "x", omittingEmptySubsequences: false)
        guard (2...3).contains(sizes.count), ends.count <= 2 else {
            throw malformed("it takes two or three numbers")
        }
        self.init(
            repetitions: try number(sizes[0]), partitionBits: try number(sizes[1]),
            projection: sizes.count == 3 ? try number(sizes[2]) : nil,
            final: ends.count == 2 ? try number(ends[1]) : nil)
        guard open < string.endIndex else { return }
        guard string.hasSuffix(")") else { throw malformed("'(' is not closed, or something follows it") }
        let options = string[string.index(after: open)...].dropLast()
        for option in options.split(separator: ",", omittingEmptySubsequences: false) {
            if option == "fill=no" {
                fillsEmptyPartitions = false
            } else if option.hasPrefix("seed="), let value = UInt64(option.dropFirst(5)) {
                seed = value
            } else {
                throw malformed("'\(option)' is neither 'seed=N' nor 'fill=no'")
            }
        }
    }

    /// The canonical form: without what is the default.
    public var description: String {
        var text = "FDE\(repetitions)x\(partitionBits)"
        if let projection { text += "x\(projection)" }
        if let final { text += "_\(final)" }
        let options = (seed == 1 ? [] : ["seed=\(seed)"]) + (fillsEmptyPartitions ? [] : ["fill=no"])
        return options.isEmpty ? text : text + "(\(options.joined(separator: ",")))"
    }
}
