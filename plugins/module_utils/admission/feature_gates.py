"""KubeVirt's feature gates by state, so that what is behind one is allowed or refused as KubeVirt's users know it.

Alpha is off unless listed, Beta is on unless listed as disabled, what is generally available is on, what is discontinued does nothing.
"""

from __future__ import annotations

BETA = frozenset(
    {
        "DecentralizedLiveMigration",
        "DeclarativeHotplugVolumes",
        "ExternalNetResourceInjection",
        "GPUsWithDRA",
        "HostDevicesWithDRA",
        "ImageVolume",
        "KubevirtSeccompProfile",
        "NodeRestriction",
        "OptOutRoleAggregation",
        "PasstBinding",
        "PodSecondaryInterfaceNamingUpgrade",
        "RebootPolicy",
        "Snapshot",
        "Template",
        "WorkloadEncryptionSEV",
    }
)
ALPHA = frozenset(
    {
        "AlignCPUs",
        "CPUManager",
        "ConfigurableHypervisor",
        "ContainerPathVolumes",
        "CrossArchitectureVirtualization",
        "DownwardMetrics",
        "ExperimentalIgnitionSupport",
        "FirmwareAutoSelection",
        "GraceIOVirtualization",
        "HostDevices",
        "HostDisk",
        "HypervStrictCheck",
        "IOMMUFD",
        "IncrementalBackup",
        "MigrationDowntimeTuning",
        "MigrationStallDetection",
        "NetworkDevicesWithDRA",
        "OCIExport",
        "ObjectGraph",
        "PCINUMAAwareTopology",
        "Plugins",
        "PortRangesSpec",
        "ReservedOverheadMemlock",
        "Root",
        "Sidecar",
        "UtilityVolumes",
        "VGPULiveMigration",
        "VMStatsCollector",
        "VSOCK",
        "VirtIOFSStorageVolume",
        "WorkloadEncryptionTDX",
    }
)
AVAILABLE = frozenset(
    {
        "AutoResourceLimits",
        "BochsDisplayForEFIGuests",
        "CPUNodeDiscovery",
        "ClusterProfiler",
        "CommonInstancetypesDeployment",
        "DisableCustomSELinuxPolicy",
        "DynamicPodInterfaceNaming",
        "ExpandDisks",
        "GPU",
        "HotplugNICs",
        "InstancetypeReferencePolicy",
        "LibvirtHooksServerAndClient",
        "LiveMigration",
        "LiveUpdateNADRef",
        "MigrationPriorityQueue",
        "NUMA",
        "NetworkBindingPlugins",
        "NonRoot",
        "PSA",
        "PanicDevices",
        "PersistentReservation",
        "SRIOVLiveMigration",
        "SecureExecution",
        "VMExport",
        "VMLiveUpdateFeatures",
        "VMPersistentState",
        "VideoConfig",
        "VirtIOFSConfigVolumes",
        "VmiMemoryOverheadReport",
        "VolumeMigration",
        "VolumesUpdateStrategy",
    }
)
DISCONTINUED = frozenset(
    {
        "DisableMediatedDevicesHandling",
        "DockerSELinuxMCSWorkaround",
        "ExperimentalVirtiofsSupport",
        "HotplugVolumes",
        "Macvtap",
        "MultiArchitecture",
        "Passt",
    }
)
KNOWN = ALPHA | BETA | AVAILABLE | DISCONTINUED
