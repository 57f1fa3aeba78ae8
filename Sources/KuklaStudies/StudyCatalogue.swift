/// All studies, by name.
public enum StudyCatalogue {
    public static let all: [any Study] = [
        AspectsStudy(),
        BEBRStudy(),
        BiDRStudy(),
        DupMAEStudy(),
        HNSWRecallStudy(),
        MatryoshkaStudy(),
        MUVERAStudy(),
        NVEmbedStudy(),
        SelfPositioningStudy(),
        SESAStudy(),
        StarbucksStudy(),
        TwoDMSEStudy(),
    ]

    public static func named(_ name: String) -> (any Study)? { all.first { $0.name == name } }
}
