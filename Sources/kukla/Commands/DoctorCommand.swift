import ArgumentParser
import Foundation
import KuklaFormats
import KuklaNumerics
import KuklaStore

/// Says what this machine offers and what was chosen from it.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Print CPU level, kernels chosen, library versions, threads and folders.",
        discussion: """
            KUKLA_ISA=portable|avx2|avx512 forces a lower CPU level; KUKLA_CACHE names the cache folder.

            Example:
              kukla doctor --json
            """)

    @OptionGroup var output: OutputOptions

    private struct Findings: Encodable {
        let schemaVersion = 1
        let version: String
        let cpuLevel: String
        let cpuLevelsAvailable: [String]
        let gemm: String
        let sqlite: String
        let threads: Int
        let memoryBytes: UInt64
        let cacheFolder: String
        let defaultModel: String?
    }

    func run() throws {
        let findings = Findings(
            version: kuklaVersion, cpuLevel: CPULevel.current.rawValue,
            cpuLevelsAvailable: CPULevel.available.map(\.rawValue), gemm: GEMM.backend,
            sqlite: sqliteVersion, threads: defaultThreadCount,
            memoryBytes: ProcessInfo.processInfo.physicalMemory, cacheFolder: CacheFolder.url.path,
            defaultModel: ModelLocation.defaultFolder?.path)
        if output.json { return try printJSON(findings) }
        let wanted = ProcessInfo.processInfo.environment["KUKLA_ISA"]
        let ignored = wanted.map {
            $0 == findings.cpuLevel ? " (KUKLA_ISA)" : " (KUKLA_ISA=\($0) is not available)"
        }
        print(
            """
            kukla      \(findings.version)
            CPU level  \(findings.cpuLevel)\(ignored ?? ""), of \(findings.cpuLevelsAvailable.joined(separator: ", "))
            kernels    \(findings.cpuLevel) for distances, codes, top-k and the encoder's elementwise work
            GEMM       \(findings.gemm)
            SQLite     \(findings.sqlite)
            threads    \(findings.threads)
            memory     \(Quantity.bytes(Int(findings.memoryBytes)))
            cache      \(findings.cacheFolder)
            model      \(findings.defaultModel ?? "none yet: run `make model` or `kukla model get ORG/NAME`")
            """)
    }
}
