public import KuklaNumerics

extension CodecConfiguration: CustomStringConvertible {
    /// Reads a factory string: words parted by commas, transforms first, the quantizer last.
    ///
    /// | word | meaning |
    /// | --- | --- |
    /// | `MRLd` | first d components, normalised again under cosine |
    /// | `PCAd`, `PCAWd`, `PCARd` | principal components; with whitening; with a random rotation |
    /// | `RR`, `RRd` | random rotation (to d dimensions) |
    /// | `OPQm`, `OPQm_d` | rotation trained for a product quantizer of m parts (to d dimensions) |
    /// | `HEADd` | head of d dimensions: a linear map and a layer norm, from `kukla train bidr`; untrained, it standardizes vectors |
    /// | `F32` (or `Flat`), `F16`, `BF16` | floats |
    /// | `SQ8`, `SQ6`, `SQ4` | scalar codes |
    /// | `PQm`, `PQmxb`, `PQmx4fs` | product codes of m parts, 8 or b bits each; fast scan |
    /// | `B1`, `RQb` | sign bits; b bits a dimension after a random rotation |
    /// | `RBEm`, `RBEmxk` | recurrent binary codes: m components of 1 or k bits |
    ///
    /// - Throws: `KuklaError.usage` that names the word at fault and the nearest known one.
    public init(parsing string: String) throws(KuklaError) {
        let words = string.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        var transforms: [Transform] = []
        var quantizer: Quantizer?
        for word in words {
            if let earlier = quantizer {
                throw KuklaError(
                    .usage,
                    "'\(word)' follows the quantizer '\(earlier.word)' in the factory string '\(string)'; expected the quantizer last, and only one. Put transforms before it."
                )
            }
            if let transform = Transform(word: word) {
                transforms.append(transform)
            } else if let found = Quantizer(word: word) {
                quantizer = found
            } else {
                throw Self.unknown(word, in: string)
            }
        }
        self.init(transforms: transforms, quantizer: quantizer ?? .float32)
    }

    /// The factory string, in canonical form: with the quantizer, and without what is the default.
    public var description: String { (transforms.map(\.word) + [quantizer.word]).joined(separator: ",") }

    private static func unknown(_ word: String, in string: String) -> KuklaError {
        guard !word.isEmpty else {
            return KuklaError(
                .usage, "Empty word in the factory string '\(string)'; expected words such as 'PCA128,SQ8'.")
        }
        let nearest = EditDistance.nearest(to: word, among: knownWords(like: word)) ?? "SQ8"
        return KuklaError(
            .usage, "Unknown word '\(word)' in the factory string '\(string)'; did you mean '\(nearest)'?")
    }

    /// Known words, with the numbers of `word` where they take numbers.
    private static func knownWords(like word: String) -> [String] {
        let numbers = word.split { !("0"..."9").contains($0) }.compactMap { Int($0) }.filter(isSize)
        let d = numbers.first ?? 64
        let second = numbers.dropFirst().first ?? 8
        let words =
            ["F32", "Flat", "F16", "BF16", "SQ8", "SQ6", "SQ4", "B1", "RR"]
            + ["MRL", "HEAD", "PCA", "PCAW", "PCAR", "RR", "OPQ", "PQ"].map { "\($0)\(d)" }
            + ["PQ\(d)x\(second)", "PQ\(d)x4fs", "OPQ\(d)_\(second)", "RQ\(d)", "RQ8"]
            + ["RBE\(d)", "RBE\(d)x\(second)", "RBE\(d)x8"]
        return words.filter { Transform(word: $0) != nil || Quantizer(word: $0) != nil }
    }
}

/// Sizes that a word may name.
private func isSize(_ number: Int) -> Bool { (1...65_536).contains(number) }

/// The number that follows `prefix` in `word`, if it is one and nothing else follows.
private func size(_ word: Substring, after prefix: String) -> Int? {
    guard word.hasPrefix(prefix) else { return nil }
    let digits = word.dropFirst(prefix.count)
    guard !digits.isEmpty, digits.first != "0", digits.utf8.allSatisfy({ (48...57).contains($0) }) else {
        return nil
    }
    return Int(digits).flatMap { isSize($0) ? $0 : nil }
}

extension CodecConfiguration.Transform {
    /// The transform that `word` names, or `nil`.
    init?(word: String) {
        let parts = word.split(separator: "_", omittingEmptySubsequences: false)
        if word == "RR" {
            self = .rotation(dimensions: nil)
        } else if let subspaces = size(parts[0], after: "OPQ"), parts.count <= 2 {
            if parts.count == 1 {
                self = .optimizedRotation(subspaces: subspaces, dimensions: nil)
            } else if let dimensions = size(parts[1], after: "") {
                self = .optimizedRotation(subspaces: subspaces, dimensions: dimensions)
            } else {
                return nil
            }
        } else if let d = size(word[...], after: "MRL") {
            self = .truncation(dimensions: d)
        } else if let d = size(word[...], after: "HEAD") {
            self = .head(dimensions: d)
        } else if let d = size(word[...], after: "PCAW") {
            self = .principalComponents(dimensions: d, .whitening)
        } else if let d = size(word[...], after: "PCAR") {
            self = .principalComponents(dimensions: d, .rotation)
        } else if let d = size(word[...], after: "PCA") {
            self = .principalComponents(dimensions: d)
        } else if let d = size(word[...], after: "RR") {
            self = .rotation(dimensions: d)
        } else {
            return nil
        }
    }

    /// The word of the factory string.
    var word: String {
        switch self {
        case .truncation(let d): "MRL\(d)"
        case .head(let d): "HEAD\(d)"
        case .principalComponents(let d, .plain): "PCA\(d)"
        case .principalComponents(let d, .whitening): "PCAW\(d)"
        case .principalComponents(let d, .rotation): "PCAR\(d)"
        case .rotation(let d): "RR" + (d.map { "\($0)" } ?? "")
        case .optimizedRotation(let m, let d): "OPQ\(m)" + (d.map { "_\($0)" } ?? "")
        }
    }
}

extension CodecConfiguration.Quantizer {
    /// The quantizer that `word` names, or `nil`.
    init?(word: String) {
        switch word {
        case "F32", "Flat": self = .float32
        case "F16": self = .float16
        case "BF16": self = .bfloat16
        case "SQ8": self = .scalar(bits: 8)
        case "SQ6": self = .scalar(bits: 6)
        case "SQ4": self = .scalar(bits: 4)
        case "B1": self = .sign
        default:
            if let bits = size(word[...], after: "RQ"), bits <= 8 {
                self = .randomized(bits: bits)
                return
            }
            let parts = word.split(separator: "x", omittingEmptySubsequences: false)
            if let d = size(parts[0], after: "RBE") {
                let bits = parts.count == 1 ? 1 : parts.count == 2 ? size(parts[1], after: "") : nil
                guard let bits, bits <= 8 else { return nil }
                self = .recurrentBinary(dimensions: d, bits: bits)
                return
            }
            guard let subspaces = size(parts[0], after: "PQ") else { return nil }
            if parts.count == 1 {
                self = .product(subspaces: subspaces, bits: 8)
            } else if parts.count == 2, parts[1] == "4fs" {
                self = .productFastScan(subspaces: subspaces)
            } else if parts.count == 2, let bits = size(parts[1], after: ""), (4...8).contains(bits) {
                self = .product(subspaces: subspaces, bits: bits)
            } else {
                return nil
            }
        }
    }

    /// The word of the factory string.
    var word: String {
        switch self {
        case .float32: "F32"
        case .float16: "F16"
        case .bfloat16: "BF16"
        case .scalar(let bits): "SQ\(bits)"
        case .product(let m, let bits): bits == 8 ? "PQ\(m)" : "PQ\(m)x\(bits)"
        case .productFastScan(let m): "PQ\(m)x4fs"
        case .sign: "B1"
        case .randomized(let bits): "RQ\(bits)"
        case .recurrentBinary(let d, let bits): bits == 1 ? "RBE\(d)" : "RBE\(d)x\(bits)"
        }
    }
}
