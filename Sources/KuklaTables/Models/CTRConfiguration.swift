public import KuklaNumerics

/// Which network, and how large: saved with a model as JSON.
public struct CTRConfiguration: Sendable, Codable, Equatable {
    public var kind: Kind
    /// Widths of the hidden layers of the perceptron that every model ends in.
    public var hidden: [Int]
    /// Cross layers of DCN-V2.
    public var crossLayers: Int
    /// Widths of the hidden layers over the numbers (DLRM's bottom).
    public var bottom: [Int]
    public var dropout: Float
    /// How DIN weighs events.
    public var attention: Attention

    /// The models.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        case dlrm, wdl, dcn, deepfm, din
        /// DIN's base: the history summed up, without looking at the candidate.
        case pooling

        /// One line for help.
        public var summary: String {
            switch self {
            case .dlrm: "inner products of all pairs of vectors, then a perceptron (DLRM)"
            case .wdl: "a linear model beside a perceptron (Wide & Deep)"
            case .dcn: "cross layers, then a perceptron (DCN-V2)"
            case .deepfm: "a factorization machine beside a perceptron (DeepFM)"
            case .din: "histories weighed by what they have to do with the candidate (DIN)"
            case .pooling: "histories summed up, then a perceptron (DIN's base)"
            }
        }
    }

    /// DIN's local activation unit and the functions between its layers.
    public struct Attention: Sendable, Codable, Equatable {
        public var hidden: [Int]
        /// Whether weights of a history sum to 1: another model than DIN's, in which interests have strengths.
        public var isNormalized: Bool
        /// Dice between layers; PReLU otherwise.
        public var usesDice: Bool

        public init(hidden: [Int] = [36], isNormalized: Bool = false, usesDice: Bool = true) {
            self.hidden = hidden
            self.isNormalized = isNormalized
            self.usesDice = usesDice
        }
    }

    public init(
        _ kind: Kind, hidden: [Int] = [128, 64], crossLayers: Int = 2, bottom: [Int] = [64],
        dropout: Float = 0, attention: Attention = Attention()
    ) {
        self.kind = kind
        self.hidden = hidden
        self.crossLayers = crossLayers
        self.bottom = bottom
        self.dropout = dropout
        self.attention = attention
    }

    /// A network with fresh weights.
    ///
    /// - Throws: `KuklaError` where the shape does not suit the model, or a length is not positive.
    public func make(_ shape: CTRShape, seed: UInt64) throws(KuklaError) -> any CTRModel {
        guard (hidden + bottom + attention.hidden).allSatisfy({ (1...65536).contains($0) }),
            (0...64).contains(crossLayers), dropout >= 0, dropout < 1
        else {
            throw KuklaError(
                .usage,
                "Cannot build \(kind.rawValue): expected layers of 1 to 65536 units, 0 to 64 cross layers and dropout in 0..<1."
            )
        }
        guard shape.inputWidth > 0 else {
            throw KuklaError(.usage, "Cannot build \(kind.rawValue): there is no column to predict from.")
        }
        var random = RandomSource(seed: seed)
        return switch kind {
        case .dlrm: try DLRM(shape, self, using: &random)
        case .wdl: WideAndDeep(shape, self, using: &random)
        case .dcn: DeepCrossNetwork(shape, self, using: &random)
        case .deepfm: try DeepFM(shape, self, using: &random)
        case .din: try DeepInterestNetwork(shape, self, using: &random)
        case .pooling: DeepInterestNetwork(pooling: shape, self, using: &random)
        }
    }
}
