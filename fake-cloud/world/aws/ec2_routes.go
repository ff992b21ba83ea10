package aws

import (
	"context"
	"net/netip"
	"slices"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// CreateInternetGateway makes an internet gateway of no VPC.
func (r *Region) CreateInternetGateway(_ context.Context, in *ec2.CreateInternetGatewayInput) (*ec2.CreateInternetGatewayOutput, error) {
	tags, err := ec2TagsAtCreation(in.TagSpecifications, types.ResourceTypeInternetGateway)
	if err != nil {
		return nil, err
	}
	var made types.InternetGateway
	err = r.write(func(x *tx) error {
		id := x.id("igw")
		g := &InternetGateway{Meta: x.meta(id, tags, 0), Spec: types.InternetGateway{InternetGatewayId: &id, OwnerId: r.owner()}}
		r.internetGateways.put(x, g)
		made = showGateway(g)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.CreateInternetGatewayOutput{InternetGateway: &made}, nil
}

// AttachInternetGateway gives a VPC its internet gateway.
func (r *Region) AttachInternetGateway(_ context.Context, in *ec2.AttachInternetGatewayInput) (*ec2.AttachInternetGatewayOutput, error) {
	err := r.write(func(x *tx) error {
		g, vpc, err := r.gatewayAndVPC(in.InternetGatewayId, in.VpcId)
		if err != nil {
			return err
		}
		if len(g.Spec.Attachments) > 0 {
			return faultf("Resource.AlreadyAssociated", "resource %s is already attached to network %s", g.Key, awssdk.ToString(g.Spec.Attachments[0].VpcId))
		}
		if r.hasInternetGateway(vpc) {
			return faultf("InvalidParameterValue", "Network %s already has an internet gateway attached", vpc)
		}
		r.internetGateways.edit(x, g.Key, func(g *InternetGateway) {
			g.Spec.Attachments = []types.InternetGatewayAttachment{{State: "available", VpcId: &vpc}}
		})
		r.setRouteStates(x, vpc, g.Key, types.RouteStateActive)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.AttachInternetGatewayOutput{}, nil
}

// DetachInternetGateway takes the internet gateway from a VPC in which nothing has a public address.
func (r *Region) DetachInternetGateway(_ context.Context, in *ec2.DetachInternetGatewayInput) (*ec2.DetachInternetGatewayOutput, error) {
	err := r.write(func(x *tx) error {
		g, vpc, err := r.gatewayAndVPC(in.InternetGatewayId, in.VpcId)
		if err != nil {
			return err
		}
		if len(g.Spec.Attachments) == 0 || awssdk.ToString(g.Spec.Attachments[0].VpcId) != vpc {
			return faultf("Gateway.NotAttached", "resource %s is not attached to network %s", g.Key, vpc)
		}
		if _, mapped := r.interfaces.first(func(i *NetworkInterface) bool { return i.VPC == vpc && i.Public.IsValid() }); mapped {
			return faultf("DependencyViolation", "Network %s has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.", vpc)
		}
		r.internetGateways.edit(x, g.Key, func(g *InternetGateway) { g.Spec.Attachments = nil })
		r.setRouteStates(x, vpc, g.Key, types.RouteStateBlackhole)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DetachInternetGatewayOutput{}, nil
}

func (r *Region) gatewayAndVPC(gateway, vpc *string) (*InternetGateway, string, error) {
	g, ok := r.internetGateways.get(awssdk.ToString(gateway))
	if !ok {
		return nil, "", absentGateway(awssdk.ToString(gateway))
	}
	if _, ok := r.vpcs.get(awssdk.ToString(vpc)); !ok {
		return nil, "", absentVPC(awssdk.ToString(vpc))
	}
	return g, *vpc, nil
}

// setRouteStates says of the routes through a gateway whether they lead anywhere.
func (r *Region) setRouteStates(x *tx, vpc, gateway string, state types.RouteState) {
	for _, t := range r.routeTables.of(vpc) {
		if !slices.ContainsFunc(t.Spec.Routes, func(v types.Route) bool { return awssdk.ToString(v.GatewayId) == gateway }) {
			continue
		}
		r.routeTables.edit(x, t.Key, func(t *RouteTable) {
			t.Spec.Routes = slices.Clone(t.Spec.Routes)
			for i := range t.Spec.Routes {
				if awssdk.ToString(t.Spec.Routes[i].GatewayId) == gateway {
					t.Spec.Routes[i].State = state
				}
			}
		})
	}
}

// DeleteInternetGateway deletes an internet gateway that no VPC has.
func (r *Region) DeleteInternetGateway(_ context.Context, in *ec2.DeleteInternetGatewayInput) (*ec2.DeleteInternetGatewayOutput, error) {
	err := r.write(func(x *tx) error {
		id := awssdk.ToString(in.InternetGatewayId)
		g, ok := r.internetGateways.get(id)
		if !ok {
			return absentGateway(id)
		}
		if len(g.Spec.Attachments) > 0 {
			return faultf("DependencyViolation", "The internetGateway '%s' has dependencies and cannot be deleted.", id)
		}
		r.internetGateways.drop(x, id)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteInternetGatewayOutput{}, nil
}

// CreateRouteTable makes a route table of no subnet.
func (r *Region) CreateRouteTable(_ context.Context, in *ec2.CreateRouteTableInput) (*ec2.CreateRouteTableOutput, error) {
	tags, err := ec2TagsAtCreation(in.TagSpecifications, types.ResourceTypeRouteTable)
	if err != nil {
		return nil, err
	}
	var made types.RouteTable
	err = r.write(func(x *tx) error {
		vpc, ok := r.vpcs.get(awssdk.ToString(in.VpcId))
		if !ok {
			return absentVPC(awssdk.ToString(in.VpcId))
		}
		made = showRouteTable(r.newRouteTable(x, vpc, tags))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.CreateRouteTableOutput{RouteTable: &made, ClientToken: in.ClientToken}, nil
}

// DeleteRouteTable deletes a route table that no subnet has and that is not the main one.
func (r *Region) DeleteRouteTable(_ context.Context, in *ec2.DeleteRouteTableInput) (*ec2.DeleteRouteTableOutput, error) {
	err := r.write(func(x *tx) error {
		t, err := r.needRouteTable(in.RouteTableId)
		if err != nil {
			return err
		}
		if len(t.Spec.Associations) > 0 {
			return faultf("DependencyViolation", "The routeTable '%s' has dependencies and cannot be deleted.", t.Key)
		}
		r.routeTables.drop(x, t.Key)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteRouteTableOutput{}, nil
}

func (r *Region) needRouteTable(id *string) (*RouteTable, error) {
	t, ok := r.routeTables.get(awssdk.ToString(id))
	if !ok {
		return nil, absentRouteTable(awssdk.ToString(id))
	}
	return t, nil
}

// CreateRoute adds a route through an internet gateway.
func (r *Region) CreateRoute(_ context.Context, in *ec2.CreateRouteInput) (*ec2.CreateRouteOutput, error) {
	route, err := destination(in.DestinationCidrBlock, in.DestinationIpv6CidrBlock)
	if err != nil {
		return nil, err
	}
	if in.GatewayId == nil {
		return nil, faultf("InvalidParameterValue", "A route here can lead to an internet gateway only")
	}
	route.GatewayId, route.Origin, route.State = in.GatewayId, types.RouteOriginCreateRoute, types.RouteStateActive
	err = r.write(func(x *tx) error {
		t, err := r.needRouteTable(in.RouteTableId)
		if err != nil {
			return err
		}
		g, ok := r.internetGateways.get(*in.GatewayId)
		if !ok {
			return absentGateway(*in.GatewayId)
		}
		if len(g.Spec.Attachments) == 0 || awssdk.ToString(g.Spec.Attachments[0].VpcId) != t.VPC {
			return faultf("InvalidParameterValue", "route table %s and network gateway %s belong to different networks", t.Key, g.Key)
		}
		if slices.ContainsFunc(t.Spec.Routes, leadsTo(route)) {
			return faultf("RouteAlreadyExists", "The route identified by %s already exists.", awssdk.ToString(route.DestinationCidrBlock)+awssdk.ToString(route.DestinationIpv6CidrBlock))
		}
		r.routeTables.edit(x, t.Key, func(t *RouteTable) { t.Spec.Routes = append(slices.Clone(t.Spec.Routes), route) })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.CreateRouteOutput{Return: ptr(true)}, nil
}

// destination reads where a route leads.
func destination(v4, v6 *string) (types.Route, error) {
	if (v4 == nil) == (v6 == nil) {
		return types.Route{}, faultf("InvalidParameterCombination", "Exactly one of destinationCidrBlock and destinationIpv6CidrBlock must be specified")
	}
	given := v4
	if given == nil {
		given = v6
	}
	p, err := netip.ParsePrefix(*given)
	if err != nil || p.Addr().Is4() != (v4 != nil) {
		return types.Route{}, faultf("InvalidParameterValue", "Value (%s) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.", clip(*given))
	}
	if v4 != nil {
		return types.Route{DestinationCidrBlock: ptr(p.Masked().String())}, nil
	}
	return types.Route{DestinationIpv6CidrBlock: ptr(p.Masked().String())}, nil
}

func leadsTo(to types.Route) func(types.Route) bool {
	return func(v types.Route) bool {
		return awssdk.ToString(v.DestinationCidrBlock) == awssdk.ToString(to.DestinationCidrBlock) &&
			awssdk.ToString(v.DestinationIpv6CidrBlock) == awssdk.ToString(to.DestinationIpv6CidrBlock)
	}
}

// DeleteRoute removes a route that was added.
func (r *Region) DeleteRoute(_ context.Context, in *ec2.DeleteRouteInput) (*ec2.DeleteRouteOutput, error) {
	route, err := destination(in.DestinationCidrBlock, in.DestinationIpv6CidrBlock)
	if err != nil {
		return nil, err
	}
	err = r.write(func(x *tx) error {
		t, err := r.needRouteTable(in.RouteTableId)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(t.Spec.Routes, leadsTo(route))
		if i < 0 {
			return faultf("InvalidRoute.NotFound", "no route with destination-cidr-block %s in route table %s", awssdk.ToString(route.DestinationCidrBlock)+awssdk.ToString(route.DestinationIpv6CidrBlock), t.Key)
		}
		if awssdk.ToString(t.Spec.Routes[i].GatewayId) == localRoute {
			return faultf("InvalidParameterValue", "cannot remove local route %s in route table %s", awssdk.ToString(route.DestinationCidrBlock), t.Key)
		}
		r.routeTables.edit(x, t.Key, func(t *RouteTable) { t.Spec.Routes = slices.Delete(slices.Clone(t.Spec.Routes), i, i+1) })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteRouteOutput{}, nil
}

// AssociateRouteTable gives a subnet a route table of its own.
func (r *Region) AssociateRouteTable(_ context.Context, in *ec2.AssociateRouteTableInput) (*ec2.AssociateRouteTableOutput, error) {
	out := &ec2.AssociateRouteTableOutput{}
	err := r.write(func(x *tx) error {
		t, err := r.needRouteTable(in.RouteTableId)
		if err != nil {
			return err
		}
		id := awssdk.ToString(in.SubnetId)
		s, ok := r.subnets.get(id)
		if !ok {
			return absentSubnet(id)
		}
		if s.VPC != t.VPC {
			return faultf("InvalidParameterValue", "Route table %s and subnet %s belong to different networks", t.Key, id)
		}
		for _, other := range r.routeTables.of(t.VPC) {
			if slices.ContainsFunc(other.Spec.Associations, func(a types.RouteTableAssociation) bool { return awssdk.ToString(a.SubnetId) == id }) {
				return faultf("Resource.AlreadyAssociated", "the specified association for route table %s conflicts with an existing association", t.Key)
			}
		}
		a := newAssociation(x, t.Key, &id)
		r.routeTables.edit(x, t.Key, func(t *RouteTable) { t.Spec.Associations = append(slices.Clone(t.Spec.Associations), a) })
		out.AssociationId, out.AssociationState = a.RouteTableAssociationId, a.AssociationState
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DisassociateRouteTable gives a subnet the VPC's main route table again.
func (r *Region) DisassociateRouteTable(_ context.Context, in *ec2.DisassociateRouteTableInput) (*ec2.DisassociateRouteTableOutput, error) {
	err := r.write(func(x *tx) error {
		id := awssdk.ToString(in.AssociationId)
		is := func(a types.RouteTableAssociation) bool { return awssdk.ToString(a.RouteTableAssociationId) == id }
		t, ok := r.routeTables.first(func(t *RouteTable) bool { return slices.ContainsFunc(t.Spec.Associations, is) })
		if !ok {
			return faultf("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", clip(id))
		}
		if i := slices.IndexFunc(t.Spec.Associations, is); awssdk.ToBool(t.Spec.Associations[i].Main) {
			return faultf("InvalidParameterValue", "cannot disassociate the main route table association %s", id)
		}
		r.dropAssociations(x, t, is)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DisassociateRouteTableOutput{}, nil
}

func (r *Region) dropAssociations(x *tx, t *RouteTable, is func(types.RouteTableAssociation) bool) {
	r.routeTables.edit(x, t.Key, func(t *RouteTable) { t.Spec.Associations = slices.DeleteFunc(slices.Clone(t.Spec.Associations), is) })
}
