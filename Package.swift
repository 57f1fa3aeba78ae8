// swift-tools-version: 6.2
import PackageDescription

// Warnings are errors wherever we check our own work (CI, `make test`), and warnings for
// people who build with a newer compiler than ours.
let isStrict = Context.environment["KUKLA_STRICT"] == "1"

let settings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ] + (isStrict ? [.treatAllWarnings(as: .error)] : [])

let cSettings: [CSetting] =
    [.define("_GNU_SOURCE", .when(platforms: [.linux]))]
    + (isStrict ? [.treatAllWarnings(as: .error)] : [])

/// A room of the house: a library target, its folder `Sources/<name>`, and the rooms below it.
func room(_ name: String, _ below: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: below, swiftSettings: settings)
}

/// The tests of one room, in `Tests/<name>Tests`; `data` names files and folders there that are not source.
func tests(of name: String, _ others: [Target.Dependency] = [], data: [String] = []) -> Target {
    .testTarget(
        name: "\(name)Tests",
        dependencies: [.byName(name: name), "KuklaTestSupport"] + others,
        exclude: data,
        swiftSettings: settings)
}

let argumentParser: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let sqlite: Target.Dependency = .product(name: "GRDBSQLite", package: "GRDB.swift")

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
/// HTTP: Hummingbird, and what of the packages below it shows in its interface.
let hummingbird: [Target.Dependency] = [
    .product(name: "Hummingbird", package: "hummingbird"),
    .product(name: "HummingbirdCore", package: "hummingbird"),
    .product(name: "HummingbirdTLS", package: "hummingbird"),
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "HTTPTypes", package: "swift-http-types"),
    .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
    .product(name: "UnixSignals", package: "swift-service-lifecycle"),
]

let package = Package(
    name: "kukla",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "kukla", targets: ["kukla"]),
        .library(name: "KuklaNumerics", targets: ["KuklaNumerics"]),
        .library(name: "KuklaFormats", targets: ["KuklaFormats"]),
        .library(name: "KuklaTensor", targets: ["KuklaTensor"]),
        .library(name: "KuklaNN", targets: ["KuklaNN"]),
        .library(name: "KuklaText", targets: ["KuklaText"]),
        .library(name: "KuklaObjectives", targets: ["KuklaObjectives"]),
        .library(name: "KuklaWeights", targets: ["KuklaWeights"]),
        .library(name: "KuklaCodecs", targets: ["KuklaCodecs"]),
        .library(name: "KuklaIndex", targets: ["KuklaIndex"]),
        .library(name: "KuklaEvaluation", targets: ["KuklaEvaluation"]),
        .library(name: "KuklaStore", targets: ["KuklaStore"]),
        .library(name: "KuklaServer", targets: ["KuklaServer"]),
        .library(name: "KuklaTables", targets: ["KuklaTables"]),
        .library(name: "KuklaStudies", targets: ["KuklaStudies"]),
        .library(name: "KuklaHub", targets: ["KuklaHub"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.80.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.4.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.6.0"),
    ],
    targets: [
        // C floor.
        .target(
            name: "CKernels",
            cSettings: cSettings,
            linkerSettings: [.linkedLibrary("m", .when(platforms: [.linux]))]),
        .systemLibrary(name: "CDNNL", providers: [.apt(["libdnnl-dev"])]),
        .systemLibrary(name: "CLAPACK", providers: [.apt(["liblapacke-dev"])]),
        .systemLibrary(name: "CPNG", providers: [.apt(["libpng-dev"])]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),

        // Rooms, ground floor first: an import points down this list, never up.
        room("KuklaNumerics", ["CKernels", "CDNNL", "CLAPACK"]),
        room("KuklaFormats", ["KuklaNumerics", "CPNG", "CZlib", crypto]),
        room("KuklaTensor", ["KuklaNumerics", "CKernels", "CLAPACK"]),
        room("KuklaNN", ["KuklaTensor", "KuklaFormats", "KuklaNumerics", "CKernels", yams]),
        room("KuklaHub", ["KuklaFormats", "KuklaNumerics", crypto]),
        room("KuklaText", ["KuklaNN", "KuklaTensor", "KuklaFormats", "KuklaNumerics", "CKernels"]),
        room("KuklaCodecs", ["KuklaFormats", "KuklaNumerics", "CKernels"]),
        room("KuklaIndex", ["KuklaCodecs", "KuklaFormats", "KuklaNumerics", "CKernels"]),
        room("KuklaStore", ["KuklaIndex", "KuklaCodecs", "KuklaFormats", "KuklaNumerics", grdb, sqlite]),
        room(
            "KuklaObjectives",
            ["KuklaCodecs", "KuklaText", "KuklaNN", "KuklaTensor", "KuklaFormats", "KuklaNumerics"]),
        room(
            "KuklaWeights",
            ["KuklaObjectives", "KuklaText", "KuklaNN", "KuklaTensor", "KuklaFormats", "KuklaNumerics"]),
        room("KuklaEvaluation", ["KuklaIndex", "KuklaCodecs", "KuklaText", "KuklaFormats", "KuklaNumerics"]),
        room(
            "KuklaTables",
            ["KuklaCodecs", "KuklaNN", "KuklaTensor", "KuklaFormats", "KuklaNumerics", "CKernels", yams]),
        room(
            "KuklaServer",
            [
                "KuklaStore", "KuklaTables", "KuklaIndex", "KuklaCodecs", "KuklaText", "KuklaNN",
                "KuklaFormats",
                "KuklaNumerics", crypto, logging,
            ] + hummingbird),
        room(
            "KuklaStudies",
            [
                "KuklaTables", "KuklaEvaluation", "KuklaIndex", "KuklaCodecs", "KuklaWeights",
                "KuklaObjectives",
                "KuklaText", "KuklaNN", "KuklaTensor", "KuklaFormats", "KuklaNumerics",
            ]),
        .executableTarget(
            name: "kukla",
            dependencies: [
                "KuklaStudies", "KuklaServer", "KuklaTables",
                "KuklaEvaluation", "KuklaStore", "KuklaIndex", "KuklaCodecs", "KuklaWeights",
                "KuklaObjectives",
                "KuklaText", "KuklaNN", "KuklaTensor", "KuklaHub", "KuklaFormats", "KuklaNumerics",
                argumentParser, logging,
            ],
            swiftSettings: settings),

        // Our side of Benchmarks/peers.
        .executableTarget(
            name: "kukla-benchmark",
            dependencies: [
                "KuklaTables", "KuklaObjectives", "KuklaText", "KuklaNN", "KuklaTensor", "KuklaIndex",
                "KuklaCodecs",
                "KuklaFormats", "KuklaNumerics",
            ],
            path: "Benchmarks/KuklaBenchmark", swiftSettings: settings),

        // Tests.
        .target(
            name: "KuklaTestSupport", dependencies: ["KuklaFormats", "KuklaNumerics", "KuklaTensor"],
            path: "Tests/KuklaTestSupport",
            swiftSettings: settings),
        tests(of: "KuklaNumerics", ["CKernels"]),
        tests(of: "KuklaFormats", ["KuklaNumerics"], data: ["Golden"]),
        tests(of: "KuklaTensor", ["KuklaNumerics", "CKernels"]),
        tests(of: "KuklaNN", ["KuklaTensor", "KuklaFormats", "KuklaNumerics"], data: ["Golden"]),
        tests(of: "KuklaHub", ["KuklaFormats", "KuklaNumerics"], data: ["Server"]),
        tests(
            of: "KuklaText", ["KuklaNN", "KuklaTensor", "KuklaFormats", "KuklaNumerics", "CKernels"],
            data: ["Golden"]),
        tests(
            of: "KuklaObjectives",
            [
                "KuklaIndex", "KuklaCodecs", "KuklaText", "KuklaNN", "KuklaTensor", "KuklaFormats",
                "KuklaNumerics",
            ],
            data: ["Golden"]),
        tests(
            of: "KuklaWeights",
            ["KuklaObjectives", "KuklaText", "KuklaNN", "KuklaTensor", "KuklaFormats", "KuklaNumerics"]),
        tests(of: "KuklaCodecs", ["KuklaFormats", "KuklaNumerics", "CKernels"]),
        tests(
            of: "KuklaEvaluation",
            ["KuklaIndex", "KuklaCodecs", "KuklaText", "KuklaFormats", "KuklaNumerics"],
            data: ["Golden"]),
        tests(of: "KuklaIndex", ["KuklaCodecs", "KuklaFormats", "KuklaNumerics", "CKernels"]),
        tests(of: "KuklaStore", ["KuklaIndex", "KuklaCodecs", "KuklaFormats", "KuklaNumerics"]),
        tests(
            of: "KuklaServer",
            [
                "KuklaStore", "KuklaTables", "KuklaIndex", "KuklaCodecs", "KuklaText", "KuklaFormats",
                "KuklaNumerics",
                .product(name: "HummingbirdTesting", package: "hummingbird"), logging,
            ] + hummingbird),
        tests(
            of: "KuklaTables",
            ["KuklaCodecs", "KuklaNN", "KuklaTensor", "KuklaFormats", "KuklaNumerics"]),
        tests(of: "KuklaStudies", ["KuklaFormats", "KuklaNumerics"]),
        // Runs the built `kukla` as a user would: exit codes, files left behind, output.
        .testTarget(
            name: "KuklaCommandTests",
            dependencies: ["kukla", "KuklaFormats", "KuklaNumerics", "KuklaTestSupport"],
            swiftSettings: settings),
    ]
)
