import Foundation
import KuklaNumerics
public import KuklaTensor

/// How fast each pair of a head's components turns with the position: any table of frequencies.
///
/// A table may cover fewer components than a head has; the rest then has no position.
/// *Source:* Su et al. 2021, "RoFormer", arXiv:2104.09864.
public struct RotaryTable: Sendable, Hashable {
    /// Radians a position, one number for each pair.
    public let frequencies: [Float]
    public let layout: RotaryLayout
    /// Multiplies what is turned: 1, or the attention factor of YaRN.
    public let factor: Float

    public init(frequencies: [Float], layout: RotaryLayout = .halfSplit, factor: Float = 1) {
        self.frequencies = frequencies
        self.layout = layout
        self.factor = factor
    }

    /// `base^(-2 i / dimensions)` for the pairs i of `dimensions` components.
    public init(dimensions: Int, base: Float = 10_000, layout: RotaryLayout = .halfSplit) {
        contract(dimensions > 0 && dimensions % 2 == 0, "RotaryTable: \(dimensions) dimensions are no pairs")
        self.init(
            frequencies: (0..<dimensions / 2).map {
                Float(pow(Double(base), -2 * Double($0) / Double(dimensions)))
            }, layout: layout)
    }

    /// The number of components that turn.
    public var dimensions: Int { 2 * frequencies.count }

    /// Positions squeezed by `factor`: every frequency divided by it.
    ///
    /// *Source:* Chen et al. 2023, "Extending context window by position interpolation", arXiv:2306.15595.
    public func interpolated(by factor: Float) -> RotaryTable {
        RotaryTable(frequencies: frequencies.map { $0 / factor }, layout: layout, factor: self.factor)
    }

    /// A base raised so that the slowest pair is squeezed by `factor` and the fastest not at all ("NTK-aware").
    public static func neuralTangent(
        dimensions: Int, base: Float = 10_000, factor: Float, layout: RotaryLayout = .halfSplit
    ) -> RotaryTable {
        contract(dimensions > 2, "RotaryTable: \(dimensions) dimensions, more than 2 expected")
        let raised = Double(base) * pow(Double(factor), Double(dimensions) / Double(dimensions - 2))
        return RotaryTable(dimensions: dimensions, base: Float(raised), layout: layout)
    }

    /// Pairs that turn often within `originalLength` positions as they are, those that hardly turn squeezed by `factor`, a
    /// ramp between.
    ///
    /// *Source:* Peng et al. 2024, "YaRN", arXiv:2309.00071.
    public static func yarn(
        dimensions: Int, base: Float = 10_000, factor: Float, originalLength: Int,
        fastRotations: Float = 32, slowRotations: Float = 1, layout: RotaryLayout = .halfSplit
    ) -> RotaryTable {
        let plain = RotaryTable(dimensions: dimensions, base: base, layout: layout)
        // The pair that turns `rotations` times within the original length.
        func pair(_ rotations: Float) -> Double {
            Double(dimensions) * log(Double(originalLength) / (Double(rotations) * 2 * .pi))
                / (2 * log(Double(base)))
        }
        let low = max(pair(fastRotations).rounded(.down), 0)
        let high = min(pair(slowRotations).rounded(.up), Double(dimensions - 1))
        let width = max(high - low, 0.001)
        let frequencies = plain.frequencies.enumerated().map { i, frequency in
            let squeezed = Float(min(max((Double(i) - low) / width, 0), 1))
            return frequency / factor * squeezed + frequency * (1 - squeezed)
        }
        return RotaryTable(
            frequencies: frequencies, layout: layout, factor: factor <= 1 ? 1 : 0.1 * log(factor) + 1)
    }

    /// Cosines and sines for tokens at `positions`.
    public func angles(_ positions: [Int32]) -> RotaryAngles {
        RotaryAngles(frequencies: frequencies, positions: positions, layout: layout, factor: factor)
    }
}
