public import CKernels
import Foundation

/// The instruction set that kernels are chosen for.
public enum CPULevel: String, CaseIterable, Sendable, CustomStringConvertible {
    case portable, avx2, avx512, neon

    public var description: String { rawValue }

    /// The same level, as the C kernels name it.
    public var kernelLevel: kk_level {
        switch self {
        case .portable: kk_level_portable
        case .avx2: kk_level_avx2
        case .avx512: kk_level_avx512
        case .neon: kk_level_neon
        }
    }

    /// All levels that this machine can run.
    public static var available: [CPULevel] { allCases.filter { kk_level_is_available($0.kernelLevel) } }

    /// The level in use: the fastest available one, or the one that `KUKLA_ISA` names.
    ///
    /// An unknown or unavailable name is ignored; `kukla doctor` prints what was chosen.
    public static let current: CPULevel = {
        let wanted = ProcessInfo.processInfo.environment["KUKLA_ISA"].flatMap(CPULevel.init(rawValue:))
        if let wanted, available.contains(wanted) { return wanted }
        return allCases.first { $0.kernelLevel == kk_level_best() } ?? .portable
    }()
}
