/// All studies, by name.
public enum StudyCatalogue {
    public static let all: [any Study] = [
        AspectsStudy(),
        BEBRStudy(),
        BiDRStudy(),
        DINStudy(),
        DupMAEStudy(),
        HNSWRecallStudy(),
        MatryoshkaStudy(),
        MUVERAStudy(),
        NVEmbedStudy(),
        OptEmbedStudy(),
        SelfPositioningStudy(),
        SESAStudy(),
        StarbucksStudy(),
        TableCompressionStudy(),
        TwoDMSEStudy(),
        UnifiedEmbeddingStudy(),
    ]

    public static func named(_ name: String) -> (any Study)? { all.first { $0.name == name } }
}
