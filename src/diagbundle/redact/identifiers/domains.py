"""What a name of the domain name system ends with, and what looks like one and is none. Data."""

from __future__ import annotations

SURE = 3
"""Two labels are enough."""
LONGER = 2
"""Three labels, or a digit or hyphen in one of them: what stands before may also be a file (script.pl) or a field (err.at)."""
MARKED = 1
"""A digit or hyphen in one of the labels."""
BOTH = 0
"""Three labels, and a digit or hyphen."""

_STRENGTHS = {
    SURE: """com net org edu gov mil biz eu de uk fr nl jp cn ru ch dk fi cz il arpa internal lan intranet localdomain
        online site shop store tech xyz pro mobi coop aero asia berlin bank""",
    LONGER: """int info it es us ca au io cloud app dev pl se no be at ie gr hu ro sk si hr bg lt lv ee lu tr ua kz by kr tw hk sg my
        th vn id ph nz za mx ar cl co pe ve uy eg ma ng ke sa ae qa kw ir iq pk bd lk np local corp intra home tv me cc ws ai gg
        ovh systems network services solutions group company agency digital email host hosting space world life live""",
    MARKED: "domain private test example",
    BOTH: "in is br to so fm ly",
}
STRENGTH = {suffix.encode(): strength for strength, words in _STRENGTHS.items() for suffix in words.split()}
SUFFIXES = tuple(STRENGTH)
"""Last labels that make a dotted name a host's, in lower case."""

PACKAGES = frozenset(b"com org net edu gov java javax jakarta sun jdk kotlin scala akka golang python logger logging log self this".split())
"""First labels of what is a package of a program: com.example.app."""

EXTENSIONS = frozenset(
    b"""conf cfg cnf ini log err out txt json yaml yml toml xml html htm js css py pl rb php sh c h cc cpp go rs java jar class so a o
    service socket timer mount scope slice target device path swap crt cert cer pem key csr crl p12 pfx jks der pub zone db sqlite sql
    gz xz bz2 zst zip tar tgz bak old orig save rpmnew rpmsave rpm deb tmp swp pid lock sock am ac in m4 access error ssl vhost
    repo list sources gpg asc md rst csv""".split()
)
"""Last labels of files: example.com.conf holds a name, systemd.service.in does not."""

VERSIONS = frozenset(b"version ver v release rev revision build firmware fw driver bios".split())
"""After one of these words a quad is a version."""

PUBLIC = frozenset(
    b"""debian.org debian.net ubuntu.com launchpad.net canonical.com snapcraft.io redhat.com redhat.io openshift.io fedoraproject.org
    centos.org rockylinux.org almalinux.org opensuse.org suse.com oracle.com archlinux.org alpinelinux.org gentoo.org kernel.org
    freedesktop.org gnu.org gnome.org kde.org mozilla.org mozilla.com apache.org w3.org ietf.org iana.org icann.org xmlsoap.org
    github.com githubusercontent.com github.io ghcr.io gitlab.com bitbucket.org docker.io docker.com quay.io k8s.io kubernetes.io
    x-k8s.io cncf.io etcd.io gcr.io pkg.dev istio.io cilium.io helm.sh prometheus.io grafana.com grafana.net elastic.co opentelemetry.io
    pypi.org pythonhosted.org python.org npmjs.org npmjs.com nodejs.org rubygems.org ruby-lang.org crates.io rust-lang.org golang.org
    go.dev gopkg.in uber.org maven.org sonatype.org spring.io jboss.org hibernate.org eclipse.org perl.org cpan.org php.net
    letsencrypt.org ntp.org openssl.org openssh.com libssh.org postgresql.org mysql.com mariadb.org mariadb.com mongodb.org mongodb.com
    redis.io nginx.org nginx.com haproxy.org hashicorp.com terraform.io vaultproject.io ansible.com puppet.com chef.io saltproject.io
    amazonaws.com aws.amazon.com googleapis.com google.com gstatic.com cloudflare.com windows.net windows.com azure.com
    azurecr.io microsoft.com live.com office.com microsoftonline.com apple.com icloud.com intel.com amd.com nvidia.com
    vmware.com broadcom.com dell.com hpe.com ibm.com cisco.com qemu.org libvirt.org proxmox.com samba.org isc.org netfilter.org
    ceph.com ceph.io openstack.org wikipedia.org stackoverflow.com schema.org json-schema.org yaml.org systemd.io varlink.org
    asp.net socket.io localhost.localdomain cluster.local svc.cluster.local pod.cluster.local metadata.google.internal
    in-addr.arpa ip6.arpa""".split()
)
"""Domains of makers and registries: they say what software runs, not whose. Customers' names below those of a cloud are theirs."""

THEIRS = frozenset(
    b"""amazonaws.com windows.net azure.com azurecr.io github.io pkg.dev grafana.net gcr.io cluster.local svc.cluster.local
    pod.cluster.local""".split()
)
"""Of these only the domain itself stays: the labels before it are a customer's."""

KEPT_SUFFIXES = frozenset(b"local lan internal corp intra intranet home localdomain domain private test example arpa invalid".split())
"""Private last labels say no owner and stay, so that a stand-in under them is seen to be local. `invalid` ends all other stand-ins."""

NO_HOSTS = frozenset(
    b"""localhost localhost4 localhost6 localdomain localdomain4 localdomain6 ip6-localhost ip6-loopback ip6-allnodes ip6-allrouters
    unknown none null nil undefined true false yes no on off any all default self host hostname name node server client gateway
    broadcasthost invalid error info warning debug failed builtin authority workgroup nt""".split()
)
"""What stands in a host's place and is none."""
