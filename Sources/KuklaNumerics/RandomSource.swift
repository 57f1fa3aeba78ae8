import Foundation

/// A seeded source of random numbers: the same seed gives the same numbers on every machine.
///
/// xoshiro256** (Blackman and Vigna 2018, "Scrambled linear pseudorandom number generators",
/// doi:10.1145/3460772), its state filled by SplitMix64.
public struct RandomSource: RandomNumberGenerator, Sendable, Codable, Equatable {
    private var s0, s1, s2, s3: UInt64

    public init(seed: UInt64) {
        var z = seed
        func split() -> UInt64 {
            z &+= 0x9E37_79B9_7F4A_7C15
            var x = z
            x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
            x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
            return x ^ (x >> 31)
        }
        s0 = split()
        s1 = split()
        s2 = split()
        s3 = split()
    }

    public mutating func next() -> UInt64 {
        func rotate(_ x: UInt64, _ k: UInt64) -> UInt64 { (x << k) | (x >> (64 - k)) }
        let result = rotate(s1 &* 5, 7) &* 9
        let t = s1 << 17
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= t
        s3 = rotate(s3, 45)
        return result
    }

    /// A number in `[0, 1)`, with 24 random bits.
    public mutating func uniform() -> Float { Float(next() >> 40) * 0x1p-24 }

    /// A number from the standard normal distribution (Box-Muller, in double).
    public mutating func normal() -> Float {
        let u = 1 - Double(next() >> 11) * 0x1p-53
        let v = Double(next() >> 11) * 0x1p-53
        return Float((-2 * log(u)).squareRoot() * cos(2 * .pi * v))
    }

    /// `count` different numbers of `0..<bound`, in random order (all of them where `count >= bound`).
    public mutating func sample(_ count: Int, below bound: Int) -> [Int] {
        var all = Array(0..<bound)
        let count = Swift.min(count, bound)
        for i in 0..<count { all.swapAt(i, Int.random(in: i..<bound, using: &self)) }
        return Array(all.prefix(count))
    }
}
